// Rows of one height: which of them can be seen. All of the table's arithmetic, and none of its looks.
import { type Book, indexOf, linesAt } from "./book";

/** What the parts are: elements of a real table cannot be put at places of their own. */
export const AS = {
  table: (rows: number) => ({ role: "table" as const, "aria-label": "Jobs", "aria-rowcount": rows }),
  group: { role: "rowgroup" },
  row: (index: number) => ({ role: "row" as const, "aria-rowindex": index }),
  head: { role: "columnheader" },
  cell: { role: "cell" },
} as const;

/** Height of a row; of one of two lines on narrow screens. */
export const ROW_REM = 2.25;
export const CARD_REM = 3.75;
/** Narrower than this, rows are cards. */
export const CARDS_BELOW_REM = 40;
/** Browsers lay out nothing beyond; the smallest limit is Firefox's, near 17.8 million. */
export const MOST_PX = 16_000_000;
/** Rows drawn beyond what is seen. */
const OVERSCAN = 8;

export interface Seen {
  /** Rows that can be seen. */
  start: number;
  end: number;
  /** Rows that are drawn. */
  from: number;
  to: number;
}

export function seenRows(top: number, height: number, row: number, total: number): Seen {
  const start = Math.min(total, Math.max(0, Math.floor(top / row)));
  const end = Math.min(total, Math.max(start, Math.ceil((top + height) / row)));
  return { start, end, from: Math.max(0, start - OVERSCAN), to: Math.min(total, end + OVERSCAN) };
}

/** Where to scroll so that the first row seen in the book before is seen at the same place now. */
export function anchored(before: Book, now: Book, top: number, row: number): number {
  const first = Math.floor(top / row);
  const line = linesAt(before, first, first + 1)[0];
  return line ? top + (indexOf(now, line) - first) * row : top;
}

/** Where to scroll so that a row can be seen wholly. */
export function revealed(index: number, top: number, height: number, row: number): number {
  if (index * row < top) return index * row;
  return Math.max(top, (index + 1) * row - height);
}
