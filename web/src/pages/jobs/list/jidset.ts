// Sets of job ids as the API writes them: `1-4,7`, both ends included.

/** Ids from `first` to `last`. */
export interface Range {
  first: number;
  last: number;
}

/** In ascending order, those that touch or overlap as one. */
export function mergedRanges(ranges: Iterable<Range>): Range[] {
  const out: Range[] = [];
  for (const range of [...ranges].sort((a, b) => a.first - b.first)) {
    const last = out.at(-1);
    if (last && range.first <= last.last + 1) last.last = Math.max(last.last, range.last);
    else out.push({ ...range });
  }
  return out;
}

export function sizeOf(ranges: Iterable<Range>): number {
  let size = 0;
  for (const range of ranges) size += range.last - range.first + 1;
  return size;
}

export function jidSet(ranges: readonly Range[]): string {
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}

/** What `jidSet` wrote. */
export function parsedJidSet(text: string): Range[] {
  if (text === "") return [];
  return text.split(",").map((part) => {
    const [first, last] = part.split("-");
    return { first: Number(first), last: Number(last ?? first) };
  });
}

/** The same ids in parts of at most `most`. */
export function parts(ranges: readonly Range[], most: number): Range[][] {
  const out: Range[][] = [];
  let part: Range[] = [];
  let room = most;
  for (const range of ranges) {
    let { first } = range;
    while (first <= range.last) {
      const last = Math.min(range.last, first + room - 1);
      part.push({ first, last });
      room -= last - first + 1;
      first = last + 1;
      if (room === 0) {
        out.push(part);
        part = [];
        room = most;
      }
    }
  }
  if (part.length > 0) out.push(part);
  return out;
}
