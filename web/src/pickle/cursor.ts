// Bytes one after another, never past the end.
import type { Value } from "./values";

/** Why a pickle is not shown, in a sentence. */
export class PickleError extends Error {}

/** Longer texts are kept by their beginning. */
const TEXT_MOST_BYTES = 20_000;
const DECODER = new TextDecoder();

export class Cursor {
  private at = 0;
  private readonly view: DataView;

  constructor(private readonly data: Uint8Array) {
    this.view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  private take(count: number): number {
    if (count > this.data.length - this.at) throw new PickleError("It is cut short.");
    const at = this.at;
    this.at += count;
    return at;
  }

  byte(): number {
    return this.view.getUint8(this.take(1));
  }

  uint16(): number {
    return this.view.getUint16(this.take(2), true);
  }

  int32(): number {
    return this.view.getInt32(this.take(4), true);
  }

  uint32(): number {
    return this.view.getUint32(this.take(4), true);
  }

  /** As a number: what is beyond 2^53 is beyond the end in any case. */
  uint64(): number {
    return Number(this.view.getBigUint64(this.take(8), true));
  }

  float64(): number {
    return this.view.getFloat64(this.take(8), false);
  }

  bytes(count: number): Uint8Array {
    const at = this.take(count);
    return this.data.subarray(at, at + count);
  }

  text(count: number): Value {
    const bytes = this.bytes(count);
    if (count <= TEXT_MOST_BYTES) return DECODER.decode(bytes);
    return { kind: "long_text", start: DECODER.decode(bytes.subarray(0, TEXT_MOST_BYTES)), bytes: count };
  }

  /** Up to the end of the line, which is left out. */
  line(): string {
    return DECODER.decode(this.rawLine());
  }

  private rawLine(): Uint8Array {
    const end = this.data.indexOf(0x0a, this.at);
    if (end < 0) throw new PickleError("It is cut short.");
    const bytes = this.bytes(end - this.at);
    this.take(1);
    if (bytes.length > TEXT_MOST_BYTES) throw new PickleError("It is too long to be shown.");
    return bytes;
  }

  /** A place in the memo. */
  index(): number {
    const text = this.line();
    if (!/^\d{1,15}$/.test(text)) throw new PickleError("It is no pickle, or a broken one.");
    return Number(text);
  }

  /** A text as Python 2 quotes it. */
  quoted(): string {
    const text = this.line();
    const quote = text[0];
    if (text.length < 2 || (quote !== "'" && quote !== '"') || !text.endsWith(quote))
      throw new PickleError("It is no pickle, or a broken one.");
    return text.slice(1, -1).replace(/\\(x[0-9a-f]{2}|.)/g, (_, what: string) => escaped(what));
  }

  /** A text as `raw-unicode-escape`, where characters beyond Latin-1 are `\u1234`. */
  rawUnicode(): string {
    // Latin-1, and not what browsers take for it.
    const text = String.fromCharCode(...this.rawLine());
    return text.replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (whole, short, long) => {
      const code = Number.parseInt(short ?? long, 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    });
  }
}

function escaped(what: string): string {
  if (what.length === 3) return String.fromCharCode(Number.parseInt(what.slice(1), 16));
  return { n: "\n", r: "\r", t: "\t" }[what] ?? what;
}
