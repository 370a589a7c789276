// Search in a log: plain text, upper and lower case the same, in slices so that the page stays awake.
import type { LogText } from "./logText";

export interface Hit {
  line: number;
  from: number;
  to: number;
}

/** More are not counted. */
export const HITS_MOST = 10_000;

export function pattern(text: string): RegExp | undefined {
  return text === "" ? undefined : new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "gi");
}

export function hitsIn(line: string, wanted: RegExp, number: number, most: number): Hit[] {
  const found: Hit[] = [];
  wanted.lastIndex = 0;
  while (found.length < most) {
    const match = wanted.exec(line);
    if (!match) break;
    found.push({ line: number, from: match.index, to: match.index + match[0].length });
  }
  return found;
}

/** Goes on from line to line until `enough` says that it has worked long enough, or to the end. */
export class Search {
  readonly hits: Hit[] = [];
  /** The next line to look at. */
  next = 0;

  constructor(
    private readonly log: LogText,
    private readonly wanted: RegExp,
    private readonly shown: (line: string) => string,
  ) {}

  get isOver(): boolean {
    return this.next >= this.log.lineCount || this.hits.length >= HITS_MOST;
  }

  work(enough: () => boolean): void {
    let first = 0;
    for (const block of this.log.blocks) {
      const end = first + block.lines.length;
      for (let at = Math.max(0, this.next - first); at < block.lines.length && !this.isOver; at += 1) {
        if ((at & 0xff) === 0 && enough()) return;
        const line = this.shown(block.lines[at] as string);
        for (const hit of hitsIn(line, this.wanted, first + at, HITS_MOST - this.hits.length))
          this.hits.push(hit);
        this.next = first + at + 1;
      }
      first = end;
    }
  }
}

/** The first hit at or after a line, going round. */
export function hitFrom(hits: readonly Hit[], line: number): number {
  let low = 0;
  let high = hits.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((hits[middle] as Hit).line < line) low = middle + 1;
    else high = middle;
  }
  return low === hits.length ? 0 : low;
}
