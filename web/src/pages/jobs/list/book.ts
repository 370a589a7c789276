// The part of the list that is known: pages next to each other, newest first, without gaps between them. Each page
// stands for all ids from its `next` up to its `before`, so asking for it again replaces exactly what it said. Rows of
// pages far from what one looks at are let go; their number is kept, so nothing moves.
import type { JobList, JobRow } from "../../../api/types";

/** A row of the list. The same object as long as nothing of it changes. */
export interface Line {
  /** A job, or a whole map. */
  key: string;
  row: JobRow;
  /** When it began by this browser's clock, while it runs. */
  since: number | undefined;
}

export interface Page {
  /** Its ids are below; none for the newest page. */
  before: number | undefined;
  /** Its ids are this or above; none when it is the last one. */
  next: number | null;
  /** None when they were let go. */
  lines: readonly Line[] | undefined;
  count: number;
  /** How many hints had come when it was asked for. */
  seen: number;
}

export interface Book {
  pages: readonly Page[];
  total: number;
}

/** Rows asked for at once. */
export const ROWS = 100;
/** A page with more rows than this is cut. */
const ROWS_MAX = 2 * ROWS;

export const EMPTY: Book = { pages: [], total: 0 };

function bookOf(pages: readonly Page[]): Book {
  return { pages, total: pages.reduce((sum, page) => sum + page.count, 0) };
}

function pageOf(before: number | undefined, next: number | null, lines: readonly Line[], seen: number): Page {
  return { before, next, lines, count: lines.length, seen };
}

const UNSEEN = -1;

export interface Answer {
  list: JobList;
  /** When it came. */
  at: number;
  /** How many hints had come when it was asked for. */
  seen: number;
}

/** Puts in the answer to page `index`; one past the last is the page after it. */
export function merged(book: Book, index: number, { list, at, seen }: Answer): Book {
  const { pages } = book;
  const before = index < pages.length ? pages[index]?.before : (pages.at(-1)?.next ?? undefined);
  let low = list.next ?? Number.NEGATIVE_INFINITY;
  // Of a page whose rows were let go, nobody knows which would be replaced: so it stays as it is.
  const gone = pages.findIndex((page, i) => i > index && !page.lines);
  const limit = gone < 0 ? Number.NEGATIVE_INFINITY : (pages[gone]?.before ?? 0);
  if (low < limit) low = limit;

  const known = new Map<string, Line>();
  const rest: Page[] = [];
  pages.slice(index).forEach((page, i) => {
    for (const line of page.lines ?? []) known.set(line.key, line);
    const end = page.next ?? Number.NEGATIVE_INFINITY;
    if (end >= low) return;
    if (i > 0 && (!page.lines || (page.before !== undefined && page.before <= low))) {
      rest.push(page);
      return;
    }
    const lines = page.lines?.filter((line) => line.row.jid < low);
    // What the answer did not reach of a page without rows is as unknown as if it had never been asked for.
    rest.push(pageOf(low, page.next, lines ?? [], lines ? page.seen : UNSEEN));
  });
  const lines = list.jobs.filter((row) => row.jid >= low).map((row) => lineOf(row, at, known));
  const next = low === Number.NEGATIVE_INFINITY ? null : low;
  const now = [...pages.slice(0, index), pageOf(before, next, lines, seen), ...rest];
  return bookOf(tidied(alone(now, index), index));
}

/** A map's row wanders as its jobs come and go; it is shown where it was seen last. */
function alone(pages: readonly Page[], index: number): readonly Page[] {
  const maps = new Set<string>();
  for (const line of pages[index]?.lines ?? []) if (line.key.startsWith("map")) maps.add(line.key);
  if (maps.size === 0) return pages;
  return pages.map((page, i) => {
    if (i === index || !page.lines?.some((line) => maps.has(line.key))) return page;
    const lines = page.lines.filter((line) => !maps.has(line.key));
    return { ...page, lines, count: lines.length };
  });
}

/** Pages neither empty nor too long, and short ones at the end put together. */
function tidied(pages: readonly Page[], asked: number): Page[] {
  const out: Page[] = [];
  pages.forEach((page, index) => {
    const last = out.at(-1);
    const atEnd = index === asked && index === pages.length - 1;
    // An empty page goes on being one of its own until it is as fresh as its neighbour, so that it is asked for.
    if (last && page.count === 0 && page.seen >= last.seen) {
      out[out.length - 1] = { ...last, next: page.next };
    } else if (last && last.count === 0 && last.seen <= page.seen) {
      out[out.length - 1] = { ...page, before: last.before, seen: last.seen };
    } else if (last?.lines && page.lines && atEnd && last.count + page.count <= ROWS) {
      const seen = Math.min(last.seen, page.seen);
      out[out.length - 1] = pageOf(last.before, page.next, [...last.lines, ...page.lines], seen);
    } else {
      out.push(...cut(page));
    }
  });
  return out;
}

function cut(page: Page): Page[] {
  const { lines } = page;
  const end = lines?.[ROWS - 1]?.row.jid;
  if (!lines || lines.length <= ROWS_MAX || end === undefined) return [page];
  const head = pageOf(page.before, end, lines.slice(0, ROWS), page.seen);
  return [head, ...cut(pageOf(end, page.next, lines.slice(ROWS), page.seen))];
}

/** A clock of the server and one of the browser differ a little with every answer. */
const JITTER_MS = 2_000;

function lineOf(row: JobRow, at: number, known: ReadonlyMap<string, Line>): Line {
  const key = row.map?.statuses ? `map ${row.map.first}` : `job ${row.jid}`;
  const old = known.get(key);
  let since = row.status === "processing" && row.runtime_ms != null ? at - row.runtime_ms : undefined;
  if (since !== undefined && old?.since !== undefined && Math.abs(since - old.since) < JITTER_MS)
    since = old.since;
  if (old && old.since === since && sameRow(old.row, row)) return old;
  return { key, row, since };
}

/** Whether two rows look the same. The time of a running job counts on by itself. */
export function sameRow(a: JobRow, b: JobRow): boolean {
  const names = Object.keys(b) as (keyof JobRow)[];
  return (
    names.length === Object.keys(a).length &&
    names.every((name) => {
      if (name === "runtime_ms" && b.status === "processing") return true;
      if (name === "map") return JSON.stringify(a.map) === JSON.stringify(b.map);
      return a[name] === b[name];
    })
  );
}

/** Rows `start` up to `end` and a good many around them stay; those of pages further off are let go. */
export function released(book: Book, start: number, end: number, keep: number): Book {
  let top = 0;
  let changed = false;
  const pages = book.pages.map((page, index) => {
    // The newest page stays: new jobs are counted in it.
    const far = index > 0 && (top + page.count < start - keep || top > end + keep);
    top += page.count;
    if (!far || !page.lines || page.count === 0) return page;
    changed = true;
    return { ...page, lines: undefined };
  });
  return changed ? { ...book, pages } : book;
}

/** The rows from `start` up to `end`; none where they were let go. */
export function linesAt(book: Book, start: number, end: number): (Line | undefined)[] {
  const found: (Line | undefined)[] = [];
  let top = 0;
  for (const page of book.pages) {
    const from = Math.max(start, top);
    const to = Math.min(end, top + page.count);
    for (let index = from; index < to; index += 1) found.push(page.lines?.[index - top]);
    top += page.count;
    if (top >= end) break;
  }
  return found;
}

/** Where a row is now; where it would be if it is gone. */
export function indexOf(book: Book, line: Line): number {
  let top = 0;
  let near: number | undefined;
  for (const page of book.pages) {
    const lines = page.lines ?? [];
    const end = page.next ?? Number.NEGATIVE_INFINITY;
    if (near === undefined && line.row.jid >= end) {
      const at = lines.findIndex((one) => one.row.jid <= line.row.jid);
      near = top + (at < 0 ? lines.length : at);
      if (lines[at]?.key === line.key) return near;
      // Only a map's row can be elsewhere.
      if (!line.key.startsWith("map")) return near;
    }
    const moved = line.key.startsWith("map") ? lines.findIndex((one) => one.key === line.key) : -1;
    if (moved >= 0) return top + moved;
    top += page.count;
  }
  return near ?? top;
}

/** All rows that are there now, newest first. */
export function loadedLines(book: Book): Line[] {
  return book.pages.flatMap((page) => page.lines ?? []);
}

export interface View {
  /** Rows that can be seen, `end` not included. */
  start: number;
  end: number;
}

export interface Moment {
  /** Hints that have come so far. */
  hints: number;
  /** It may be asked again what is known already. */
  again: boolean;
  /** It is time to look for new jobs above what one looks at. */
  top: boolean;
}

/** Rows asked for before they can be seen. */
const AHEAD = 30;

/** The page to ask for now: what is missing before what may have changed. None when all is well. */
export function nextPage(book: Book, view: View, most: number, moment: Moment): number | undefined {
  const { pages, total } = book;
  if (pages.length === 0) return 0;
  const seen: number[] = [];
  let top = 0;
  pages.forEach((page, index) => {
    const inside = top < view.end + AHEAD && top + page.count > view.start - AHEAD;
    if (inside || pages.length === 1) seen.push(index);
    top += page.count;
  });
  const missing = seen.find((index) => !pages[index]?.lines);
  if (missing !== undefined) return missing;
  if (pages.at(-1)?.next !== null && total < most && view.end + AHEAD > total) return pages.length;
  if (!moment.again) return undefined;
  const stale = seen.find((index) => (pages[index]?.seen ?? 0) < moment.hints);
  if (stale !== undefined) return stale;
  return moment.top && (pages[0]?.seen ?? 0) < moment.hints ? 0 : undefined;
}

/** How many rows to ask for, so that the whole page is in the answer. */
export function limitOf(book: Book, index: number): number {
  return Math.max(ROWS, book.pages[index]?.count ?? 0);
}

/** Below which id to ask; none for the newest. */
export function beforeOf(book: Book, index: number): number | undefined {
  return index < book.pages.length ? book.pages[index]?.before : (book.pages.at(-1)?.next ?? undefined);
}

/** Rows newer than `jid` among those known. */
export function newerThan(book: Book, jid: number): number {
  let found = 0;
  for (const page of book.pages) {
    for (const line of page.lines ?? []) {
      if (line.row.jid <= jid) return found;
      found += 1;
    }
  }
  return found;
}
