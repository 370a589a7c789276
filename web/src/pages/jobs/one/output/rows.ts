// Which lines of a log are in sight: heights of lines in rows of text, and sums of them by blocks.
import type { Block, LogText } from "./logText";

/** Characters of a line that are shown at first. */
export const CUT = 2_000;

/** The part of a long line that is shown. */
export interface Part {
  from: number;
  to: number;
}

export function partOf(length: number, chosen: Part | undefined): Part {
  return chosen ?? { from: 0, to: Math.min(length, CUT) };
}

/** More of a long line: each step shows four times as much as is there, at most so much more. */
const STEP_MOST = 100_000;
export function moreOf(length: number, part: Part): Part {
  const shown = part.to - part.from;
  return { from: part.from, to: Math.min(length, part.to + Math.min(shown * 4, STEP_MOST)) };
}

/** The part around a place that is out of sight. */
export function partAround(length: number, place: number): Part {
  const from = Math.max(0, place - CUT / 4);
  return { from, to: Math.min(length, from + CUT) };
}

export interface Place {
  line: number;
  /** Rows above it. */
  rows: number;
}

interface Known {
  lines: number;
  chars: number;
  rows: number;
}

/** `columns` is how many characters fit into a row; infinite where lines are not wrapped. */
export class Rows {
  private known = new WeakMap<Block, Known>();

  constructor(
    private readonly log: LogText,
    readonly columns: number,
    private readonly parts: ReadonlyMap<number, Part>,
  ) {}

  /** What is known of the blocks does not hold any more. */
  forget(): void {
    this.known = new WeakMap();
  }

  height(line: number, text: string): number {
    const part = partOf(text.length, this.parts.get(line));
    if (this.columns === Number.POSITIVE_INFINITY) return 1;
    const isCut = part.from > 0 || part.to < text.length;
    return Math.max(1, Math.ceil((part.to - part.from) / this.columns)) + (isCut ? 1 : 0);
  }

  private ofBlock(block: Block, first: number): number {
    if (this.columns === Number.POSITIVE_INFINITY) return block.lines.length;
    const known = this.known.get(block);
    if (known && known.lines === block.lines.length && known.chars === block.chars) return known.rows;
    let rows = 0;
    block.lines.forEach((text, at) => {
      rows += this.height(first + at, text);
    });
    this.known.set(block, { lines: block.lines.length, chars: block.chars, rows });
    return rows;
  }

  total(): number {
    let rows = 0;
    let first = 0;
    for (const block of this.log.blocks) {
      rows += this.ofBlock(block, first);
      first += block.lines.length;
    }
    return rows;
  }

  /** Rows above a line. */
  above(line: number): number {
    let rows = 0;
    let first = 0;
    for (const block of this.log.blocks) {
      if (line < first + block.lines.length) {
        if (this.columns === Number.POSITIVE_INFINITY) return rows + line - first;
        for (let at = 0; first + at < line; at += 1)
          rows += this.height(first + at, block.lines[at] as string);
        return rows;
      }
      rows += this.ofBlock(block, first);
      first += block.lines.length;
    }
    return rows;
  }

  /** The line that covers a row, and where it begins. */
  at(row: number): Place {
    let rows = 0;
    let first = 0;
    for (const block of this.log.blocks) {
      const ofBlock = this.ofBlock(block, first);
      if (row < rows + ofBlock) {
        for (let at = 0; at < block.lines.length; at += 1) {
          const height = this.height(first + at, block.lines[at] as string);
          if (row < rows + height) return { line: first + at, rows };
          rows += height;
        }
      }
      rows += ofBlock;
      first += block.lines.length;
    }
    const last = Math.max(0, this.log.lineCount - 1);
    return { line: last, rows: this.above(last) };
  }
}
