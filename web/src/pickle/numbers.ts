// Python's numbers.
import { PickleError } from "./cursor";
import type { Value } from "./values";

/** Beyond so many bytes nobody reads the digits, and to make them takes long. */
const DIGITS_MOST_BYTES = 512;

/** Two's complement, least significant byte first. */
export function integerOf(bytes: Uint8Array): Value {
  if (bytes.length > DIGITS_MOST_BYTES) return { kind: "huge_int", bits: bytes.length * 8 };
  let value = 0n;
  for (let place = bytes.length - 1; place >= 0; place -= 1)
    value = (value << 8n) | BigInt(bytes[place] as number);
  return BigInt.asIntN(bytes.length * 8, value);
}

export function integerOfText(text: string): Value {
  if (text.length > 2 * DIGITS_MOST_BYTES) return { kind: "huge_int", bits: Math.ceil(text.length * 3.33) };
  if (!/^[+-]?\d+$/.test(text.trim())) throw new PickleError("It is no pickle, or a broken one.");
  return BigInt(text.trim().replace(/^\+/, ""));
}

export function floatOfText(text: string): number {
  const sign = text.startsWith("-") ? -1 : 1;
  return /^[+-]?inf$/.test(text) ? sign * Number.POSITIVE_INFINITY : Number(text);
}

/** As Python's `repr` writes it. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0.0";
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}
