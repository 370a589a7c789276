// The text of a stream as lines, bounded in memory: of what grows too long the beginning and the end are kept.

/** Characters kept at most; the server keeps as many bytes. */
export const CHARS_MOST = 16 << 20;
/** Lines kept at most: a taller page than this is beyond what browsers can scroll. */
export const LINES_MOST = 1_000_000;
const BLOCK_LINES = 2_048;
const BLOCK_CHARS = 256 << 10;
/** A line that takes up this share of what is kept is broken. */
const LINE_SHARE = 0.7;
/** Share of what is kept that belongs to the beginning. */
const HEAD_SHARE = 0.25;

export interface Block {
  lines: string[];
  chars: number;
  /** Bytes that are missing here; the block has one line, which is empty. */
  gapBytes: number;
}

export interface Bounds {
  chars: number;
  lines: number;
}

/** Where lines went that were dropped: from which line on, and how many. */
export interface Dropped {
  from: number;
  count: number;
}

export class LogText {
  readonly blocks: Block[] = [];
  lineCount = 0;
  chars = 0;
  /** The last line has no newline yet. */
  private isOpen = false;

  constructor(private readonly bounds: Bounds = { chars: CHARS_MOST, lines: LINES_MOST }) {}

  /** More text. Says what had to go for it. */
  append(text: string): Dropped | undefined {
    if (text === "") return undefined;
    const pieces = text.split("\n");
    const ends = pieces[pieces.length - 1] === "";
    if (ends) pieces.pop();
    let from = 0;
    if (this.isOpen && pieces.length > 0 && this.hasRoomInLast()) {
      this.extendLast(pieces[0] as string);
      from = 1;
    }
    for (let at = from; at < pieces.length; at += 1) this.addLine(pieces[at] as string);
    this.isOpen = !ends;
    return this.shrink();
  }

  /** Bytes are missing between what came and what comes. */
  gap(bytes: number): void {
    if (bytes <= 0) return;
    this.isOpen = false;
    this.blocks.push({ lines: [""], chars: 0, gapBytes: bytes });
    this.lineCount += 1;
  }

  line(index: number): string {
    const [block, within] = this.find(index);
    return block?.lines[within] ?? "";
  }

  /** Bytes missing at this line; 0 for lines of text. */
  gapAt(index: number): number {
    return this.find(index)[0]?.gapBytes ?? 0;
  }

  private find(index: number): [Block | undefined, number] {
    let before = 0;
    for (const block of this.blocks) {
      if (index < before + block.lines.length) return [block, index - before];
      before += block.lines.length;
    }
    return [undefined, 0];
  }

  private last(): Block | undefined {
    return this.blocks[this.blocks.length - 1];
  }

  private hasRoomInLast(): boolean {
    return (this.last()?.lines.at(-1)?.length ?? 0) < this.bounds.chars * LINE_SHARE;
  }

  private extendLast(text: string): void {
    const block = this.last();
    if (!block) return;
    const at = block.lines.length - 1;
    block.lines[at] = (block.lines[at] ?? "") + text;
    block.chars += text.length;
    this.chars += text.length;
  }

  private addLine(line: string): void {
    let block = this.last();
    const isFull = !block || block.lines.length >= BLOCK_LINES || block.chars >= BLOCK_CHARS;
    if (!block || isFull || block.gapBytes > 0) {
      block = { lines: [], chars: 0, gapBytes: 0 };
      this.blocks.push(block);
    }
    block.lines.push(line);
    block.chars += line.length;
    this.chars += line.length;
    this.lineCount += 1;
  }

  /** Drops whole blocks behind the beginning until the rest fits, and leaves one gap in their place. */
  private shrink(): Dropped | undefined {
    const { chars, lines } = this.bounds;
    if (this.chars <= chars && this.lineCount <= lines) return undefined;
    let at = 0;
    let keptChars = 0;
    let keptLines = 0;
    for (const block of this.blocks) {
      keptChars += block.chars;
      keptLines += block.lines.length;
      if (keptChars > chars * HEAD_SHARE || keptLines > lines * HEAD_SHARE || block.gapBytes > 0) break;
      at += 1;
    }
    let from = 0;
    for (const block of this.blocks.slice(0, at)) from += block.lines.length;
    // A little more than needed, so that it is not done for each piece.
    const enough = { chars: chars * 0.9, lines: lines * 0.9 };
    let gapBytes = 0;
    let count = 0;
    let end = at;
    while (end < this.blocks.length - 1 && (this.chars > enough.chars || this.lineCount > enough.lines)) {
      const block = this.blocks[end] as Block;
      // What characters take in bytes is not known any more; most logs are ASCII.
      gapBytes += block.gapBytes > 0 ? block.gapBytes : block.chars + block.lines.length;
      count += block.lines.length;
      this.chars -= block.chars;
      this.lineCount -= block.lines.length;
      end += 1;
    }
    if (end === at) return undefined;
    this.blocks.splice(at, end - at, { lines: [""], chars: 0, gapBytes });
    this.lineCount += 1;
    return { from, count: count - 1 };
  }
}

/** Bytes of a stream as text, whatever the pieces they come in. */
export class Decoder {
  private decoder = new TextDecoder();

  next(bytes: Uint8Array): string {
    // CRLF ends a line as LF does; a lone CR stays, to be seen.
    return this.decoder.decode(bytes, { stream: true }).replaceAll("\r\n", "\n");
  }

  /** What is left of a character that was cut. */
  rest(): string {
    const rest = this.decoder.decode();
    this.decoder = new TextDecoder();
    return rest;
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g;

/** Without the codes that colour a terminal. */
export function withoutEscapes(line: string): string {
  return line.includes("\u001b") ? line.replace(ESCAPES, "") : line;
}
