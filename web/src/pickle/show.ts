// Values of pickles as text, much as Python would write them, bounded in depth, elements and length.
import { count } from "../ui/format";
import { type FunctionSketch, sketchOf } from "./functions";
import { attributes, known } from "./known";
import { floatText } from "./numbers";
import { isObject, type Made, nameOf, tuple, type Value } from "./values";

const DEPTH_MOST = 12;
const ITEMS_MOST = 100;
const NODES_MOST = 2_000;
const TEXT_MOST = 2_000;
const BYTES_MOST = 64;
const WIDTH = 88;

/** Text that is kept on one line, or parts that go one below the other where they are too long for one. */
type Doc = string | { open: string; parts: Doc[]; close: string; length: number };

/** A value as text of one or more lines. */
export function show(value: Value): string {
  return layOut(new Teller().tell(value, 0), "", 0);
}

/** How a function is called: `def scale(a, b=2, *, factor)`. */
export function showFunction(sketch: FunctionSketch): string {
  return layOut(new Teller().function(sketch, 0), "", 0);
}

/** A call as it was made: `add(1, b=2)`, from the pickled `(args, kwargs)`. */
export function showCall(name: string, value: Value): string {
  const pair = tuple(value);
  const [args, kwargs] = pair ?? [];
  const positional = tuple(args);
  if (pair?.length !== 2 || !positional || !isObject(kwargs) || kwargs.kind !== "dict") return show(value);
  const teller = new Teller();
  return layOut(teller.call(name, positional, attributes(kwargs), 0), "", 0);
}

class Teller {
  private nodes = 0;
  private readonly within = new Set<Value>();

  tell(value: Value, depth: number): Doc {
    this.nodes += 1;
    if (value === null) return "None";
    if (typeof value === "boolean") return value ? "True" : "False";
    if (typeof value === "bigint") return value.toString();
    if (typeof value === "number") return floatText(value);
    if (typeof value === "string") return quoted(value);
    if (value instanceof Uint8Array) return bytesText(value);
    // A list may hold itself; and lists that hold one list many times grow without bound when written out.
    if (depth > DEPTH_MOST || this.nodes > NODES_MOST || this.within.has(value)) return "…";
    this.within.add(value);
    try {
      return this.tellObject(value, depth);
    } finally {
      this.within.delete(value);
    }
  }

  private tellObject(
    value: Exclude<Value, null | string | number | bigint | boolean | Uint8Array>,
    depth: number,
  ): Doc {
    switch (value.kind) {
      case "list":
        return this.group("[", value.items, "]", depth);
      case "tuple":
        return this.group("(", value.items, value.items.length === 1 ? ",)" : ")", depth);
      case "set":
        return value.items.length === 0 ? "set()" : this.group("{", value.items, "}", depth);
      case "frozenset":
        return this.group("frozenset({", value.items, "})", depth);
      case "dict":
        return doc("{", this.entries(value.items, depth), "}");
      case "global":
        return identifier(nameOf(value) ?? "");
      case "bytearray":
        return `bytearray(${bytesText(value.bytes)})`;
      case "long_text":
        return `${quoted(value.start)} (${count(value.bytes)} bytes)`;
      case "huge_int":
        return `an integer of ${count(value.bits)} bits`;
      case "persistent":
        return doc("persistent(", [this.tell(value.id, depth + 1)], ")");
      case "buffer":
        return "a buffer beside the pickle";
      case "extension":
        return `extension ${value.code}`;
      case "made":
        return this.tellMade(value, depth);
    }
  }

  private tellMade(object: Made, depth: number): Doc {
    const sketch = sketchOf(object);
    if (sketch) return this.function(sketch, depth);
    const found = known(object);
    if (found && "word" in found) return identifier(found.word);
    if (found && "value" in found) return this.tell(found.value, depth + 1);
    if (found) return this.call(found.name, found.args, found.keywords, depth);
    const name = nameOf(object.callee) ?? flat(this.tell(object.callee, depth + 1));
    const keywords = [...attributes(object.keywords), ...attributes(object.state)];
    const args = [...(tuple(object.args) ?? [object.args])];
    const hasAttributes = attributes(object.state).length > 0;
    if (object.state !== undefined && !hasAttributes && tuple(object.state)?.length !== 0)
      args.push(object.state);
    if (object.items.length > 0) args.push({ kind: "list", items: object.items });
    if (object.entries.length > 0) args.push({ kind: "dict", items: object.entries });
    return this.call(name, args, keywords, depth);
  }

  function(sketch: FunctionSketch, depth: number): Doc {
    const parts = sketch.parameters.slice(0, ITEMS_MOST).map((one) => {
      const name = identifier(one.name);
      return one.default === undefined ? name : prefixed(`${name}=`, this.tell(one.default, depth + 1));
    });
    return doc(`def ${identifier(sketch.name)}(`, parts, ")");
  }

  call(name: string, args: Value[], keywords: (readonly [string, Value])[], depth: number): Doc {
    const parts = this.some(args, depth);
    for (const [key, value] of keywords.slice(0, ITEMS_MOST)) {
      if (this.nodes > NODES_MOST) break;
      parts.push(prefixed(`${identifier(key)}=`, this.tell(value, depth + 1)));
    }
    if (keywords.length > ITEMS_MOST) parts.push(`… ${count(keywords.length - ITEMS_MOST)} more`);
    return doc(`${identifier(name)}(`, parts, ")");
  }

  private group(open: string, items: Value[], close: string, depth: number): Doc {
    return doc(open, this.some(items, depth), close);
  }

  private some(items: Value[], depth: number): Doc[] {
    const parts: Doc[] = [];
    for (const item of items) {
      if (parts.length >= ITEMS_MOST || this.nodes > NODES_MOST) {
        parts.push(`… ${count(items.length - parts.length)} more`);
        break;
      }
      parts.push(this.tell(item, depth + 1));
    }
    return parts;
  }

  private entries(items: Value[], depth: number): Doc[] {
    const parts: Doc[] = [];
    for (let at = 0; at + 1 < items.length; at += 2) {
      if (parts.length >= ITEMS_MOST || this.nodes > NODES_MOST) {
        parts.push(`… ${count((items.length - at) / 2)} more`);
        break;
      }
      const key = flat(this.tell(items[at] as Value, depth + 1));
      parts.push(prefixed(`${key}: `, this.tell(items[at + 1] as Value, depth + 1)));
    }
    return parts;
  }
}

function doc(open: string, parts: Doc[], close: string): Doc {
  let length = open.length + close.length + 2 * Math.max(0, parts.length - 1);
  for (const part of parts) length += part.length;
  return { open, parts, close, length };
}

function prefixed(prefix: string, one: Doc): Doc {
  if (typeof one === "string") return prefix + one;
  return { ...one, open: prefix + one.open, length: one.length + prefix.length };
}

function flat(one: Doc): string {
  return typeof one === "string" ? one : `${one.open}${one.parts.map(flat).join(", ")}${one.close}`;
}

function layOut(one: Doc, indent: string, after: number): string {
  if (typeof one === "string") return one;
  if (one.parts.length === 0 || indent.length + one.length + after <= WIDTH) return flat(one);
  const deeper = `${indent}  `;
  const lines = one.parts.map((part) => `${deeper}${layOut(part, deeper, 1)},\n`);
  return `${one.open}\n${lines.join("")}${indent}${one.close.replace(/^,/, "")}`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const ODD = /[\\'\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
const SHORT: Record<string, string> = { "\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\", "'": "\\'" };

function quoted(text: string): string {
  const start = text.slice(0, TEXT_MOST);
  const escaped = start.replace(ODD, (character) => {
    const code = character.charCodeAt(0);
    const hex = code.toString(16);
    return SHORT[character] ?? (code < 256 ? `\\x${hex.padStart(2, "0")}` : `\\u${hex.padStart(4, "0")}`);
  });
  const rest = text.length - start.length;
  return rest > 0 ? `'${escaped}'… ${count(rest)} characters more` : `'${escaped}'`;
}

function bytesText(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes.subarray(0, BYTES_MOST)) {
    const character = String.fromCharCode(byte);
    if (byte >= 0x20 && byte < 0x7f && character !== "'" && character !== "\\") text += character;
    else text += SHORT[character] ?? `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  const rest = bytes.length - BYTES_MOST;
  return rest > 0 ? `b'${text}'… ${count(rest)} bytes more` : `b'${text}'`;
}

/** A name may be any text; in a name nothing is quoted, so what is odd is left out of it. */
function identifier(name: string): string {
  const cut = name.length > 200 ? `${name.slice(0, 200)}…` : name;
  return cut.replace(ODD, "\ufffd");
}
