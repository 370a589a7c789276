// What a pickle says, as data. Nothing here was ever called: an object is what would be called, and with what.

export type Value =
  | null
  | boolean
  /** Python's `float`. */
  | number
  /** Python's `int`. */
  | bigint
  | string
  /** Python's `bytes`. */
  | Uint8Array
  | Collection
  | Dictionary
  | Global
  | Made
  | Other;

export interface Collection {
  kind: "list" | "tuple" | "set" | "frozenset";
  items: Value[];
}

export interface Dictionary {
  kind: "dict";
  /** Key, value, key, value. */
  items: Value[];
}

/** A class or function by its name. */
export interface Global {
  kind: "global";
  module: string;
  name: string;
}

/** What a call would make. */
export interface Made {
  kind: "made";
  callee: Value;
  args: Value;
  /** Keywords, where the pickle has some. */
  keywords: Value | undefined;
  /** What it is given afterwards: attributes, elements, entries. */
  state: Value | undefined;
  items: Value[];
  entries: Value[];
}

export type Other =
  | { kind: "bytearray"; bytes: Uint8Array }
  /** A text of which only the beginning was read. */
  | { kind: "long_text"; start: string; bytes: number }
  /** An integer of very many digits. */
  | { kind: "huge_int"; bits: number }
  | { kind: "persistent"; id: Value }
  /** An array that travels beside the pickle. */
  | { kind: "buffer" }
  | { kind: "extension"; code: number };

export function made(callee: Value, args: Value, keywords?: Value): Made {
  return { kind: "made", callee, args, keywords, state: undefined, items: [], entries: [] };
}

// Protocols up to 2 say the names of Python 2.
const BUILT_IN: ReadonlySet<string> = new Set(["builtins", "__builtin__", "exceptions"]);

/** `module.name` of a global, else nothing. */
export function nameOf(value: Value | undefined): string | undefined {
  if (!isObject(value) || value.kind !== "global") return undefined;
  return BUILT_IN.has(value.module) ? value.name : `${value.module}.${value.name}`;
}

export function isObject(value: Value | undefined): value is Collection | Dictionary | Global | Made | Other {
  return typeof value === "object" && value !== null && !(value instanceof Uint8Array);
}

/** Elements of a tuple, else nothing. */
export function tuple(value: Value | undefined): Value[] | undefined {
  return isObject(value) && value.kind === "tuple" ? value.items : undefined;
}
