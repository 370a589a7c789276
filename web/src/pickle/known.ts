// What well-known calls in pickles make, told as people write it: sets of old protocols, times, arrays, functions.
import { isObject, type Made, nameOf, tuple, type Value } from "./values";

/** An object as it is shown: a value of another kind, a word, or a name with arguments. */
export type Known =
  | { value: Value }
  | { word: string }
  | { name: string; args: Value[]; keywords: (readonly [string, Value])[] };

export function known(object: Made): Known | undefined {
  const name = nameOf(object.callee);
  if (name === undefined) return undefined;
  const args = tuple(object.args) ?? [];
  return KNOWN[name]?.(args, object) ?? arrays(name, args, object);
}

type Recognise = (args: Value[], object: Made) => Known | undefined;

function elements(kind: "set" | "frozenset"): Recognise {
  return ([first]) =>
    isObject(first) && first.kind === "list" ? { value: { kind, items: first.items } } : undefined;
}

function latin1([text, encoding]: Value[]): Uint8Array | undefined {
  if (typeof text !== "string" || (encoding !== "latin1" && encoding !== "latin-1")) return undefined;
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Bytes, however the protocol wrote them. */
function bytesOf(value: Value | undefined): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  if (typeof value === "string") return Uint8Array.from(value, (character) => character.charCodeAt(0));
  if (isObject(value) && value.kind === "made" && nameOf(value.callee) === "_codecs.encode")
    return latin1(tuple(value.args) ?? []);
  return undefined;
}

const two = (number: number) => String(number).padStart(2, "0");

function dateText(bytes: Uint8Array): string {
  const [high = 0, low = 0, month = 0, day = 0] = bytes;
  return `${String(high * 256 + low).padStart(4, "0")}-${two(month & 0x7f)}-${two(day)}`;
}

function timeText(bytes: Uint8Array): string {
  const [hour = 0, minute = 0, second = 0, a = 0, b = 0, c = 0] = bytes;
  const micros = (a << 16) | (b << 8) | c;
  const fraction = micros === 0 ? "" : `.${String(micros).padStart(6, "0")}`;
  return `${two(hour & 0x7f)}:${two(minute)}:${two(second)}${fraction}`;
}

function moment(length: number, name: string, text: (bytes: Uint8Array) => string): Recognise {
  return ([state, zone]) => {
    const bytes = bytesOf(state);
    if (bytes?.length !== length) return undefined;
    return { name, args: [text(bytes), ...(zone === undefined ? [] : [zone])], keywords: [] };
  };
}

const KNOWN: Record<string, Recognise> = {
  set: elements("set"),
  frozenset: elements("frozenset"),
  "_codecs.encode": (args) => {
    const bytes = latin1(args);
    return bytes ? { value: bytes } : undefined;
  },
  bytes: (args) => (args.length === 0 ? { value: new Uint8Array() } : undefined),
  bytearray: ([first]) => {
    const bytes = first === undefined ? new Uint8Array() : bytesOf(first);
    return bytes ? { value: { kind: "bytearray", bytes } } : undefined;
  },
  "datetime.datetime": moment(10, "datetime.datetime", (b) => `${dateText(b)} ${timeText(b.subarray(4))}`),
  "datetime.date": moment(4, "datetime.date", dateText),
  "datetime.time": moment(6, "datetime.time", timeText),
  "functools.partial": partial,
  "copyreg._reconstructor": renewed,
  "copy_reg._reconstructor": renewed,
  "copyreg.__newobj__": renewed,
  "cloudpickle.cloudpickle.subimport": module,
  "cloudpickle.cloudpickle._builtin_type": ([name]) =>
    typeof name === "string" ? { word: `types.${name}` } : undefined,
  "cloudpickle.cloudpickle._make_skeleton_class": ([, name]) =>
    typeof name === "string" ? { word: `class ${name}` } : undefined,
  "cloudpickle.cloudpickle._make_dict_keys": ([items]) =>
    items === undefined ? undefined : { value: items },
  "cloudpickle.cloudpickle._make_empty_cell": () => ({ word: "cell" }),
};

function partial(_: Value[], object: Made): Known | undefined {
  const [callee, given, keywords] = tuple(object.state) ?? [];
  const positional = tuple(given);
  if (callee === undefined || !positional) return undefined;
  return { name: "functools.partial", args: [callee, ...positional], keywords: attributes(keywords) };
}

function renewed([first, ...rest]: Value[], object: Made): Known | undefined {
  const name = nameOf(first);
  if (name === undefined) return undefined;
  const plain = object.callee as { name?: string };
  return { name, args: plain.name === "__newobj__" ? rest : [], keywords: attributes(object.state) };
}

function module([name]: Value[]): Known | undefined {
  return typeof name === "string" ? { word: `module ${name}` } : undefined;
}

/** The state of an object as keywords, where it is a dict of attributes or such a dict with slots. */
export function attributes(state: Value | undefined): (readonly [string, Value])[] {
  const found: (readonly [string, Value])[] = [];
  const dicts = isObject(state) && state.kind === "tuple" ? state.items : [state];
  for (const dict of dicts) {
    if (!isObject(dict) || dict.kind !== "dict") continue;
    for (let at = 0; at + 1 < dict.items.length; at += 2) {
      const key = dict.items[at];
      if (typeof key === "string") found.push([key, dict.items[at + 1] as Value]);
    }
  }
  return found;
}

// -- arrays ---------------------------------------------------------------------------------------------------------

function arrays(name: string, args: Value[], object: Made): Known | undefined {
  if (/^numpy\.(_core|core)\.multiarray\._reconstruct$/.test(name)) {
    const state = tuple(object.state);
    return state ? arrayOf(nameOf(args[0]) ?? "numpy.ndarray", state[1], state[2]) : undefined;
  }
  if (/^numpy\.(_core|core)\.numeric\._frombuffer$/.test(name))
    return arrayOf("numpy.ndarray", args[2], args[1]);
  if (/^numpy\.(_core|core)\.multiarray\.scalar$/.test(name)) return scalarOf(args);
  if (name === "numpy.dtype") return { word: dtypeText(object) ?? "dtype" };
  return undefined;
}

function arrayOf(name: string, shape: Value | undefined, dtype: Value | undefined): Known {
  const text = isObject(dtype) && dtype.kind === "made" ? dtypeText(dtype) : undefined;
  const keywords: [string, Value][] = [];
  if (shape !== undefined) keywords.push(["shape", shape]);
  if (text !== undefined) keywords.push(["dtype", text]);
  return { name, args: [], keywords };
}

/** A number that numpy made. */
function scalarOf([dtype, content]: Value[]): Known | undefined {
  const text = isObject(dtype) && dtype.kind === "made" ? dtypeText(dtype) : undefined;
  const bytes = bytesOf(content);
  const type = text === undefined ? undefined : SCALARS[text];
  if (!type || bytes?.length !== type.size) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return { name: `numpy.${type.name}`, args: [type.read(view)], keywords: [] };
}

const SCALARS: Record<string, { name: string; size: number; read: (view: DataView) => Value }> = {
  f4: { name: "float32", size: 4, read: (view) => Number(view.getFloat32(0, true).toPrecision(8)) },
  f8: { name: "float64", size: 8, read: (view) => view.getFloat64(0, true) },
  i1: { name: "int8", size: 1, read: (view) => BigInt(view.getInt8(0)) },
  i2: { name: "int16", size: 2, read: (view) => BigInt(view.getInt16(0, true)) },
  i4: { name: "int32", size: 4, read: (view) => BigInt(view.getInt32(0, true)) },
  i8: { name: "int64", size: 8, read: (view) => view.getBigInt64(0, true) },
  u1: { name: "uint8", size: 1, read: (view) => BigInt(view.getUint8(0)) },
  u2: { name: "uint16", size: 2, read: (view) => BigInt(view.getUint16(0, true)) },
  u4: { name: "uint32", size: 4, read: (view) => BigInt(view.getUint32(0, true)) },
  u8: { name: "uint64", size: 8, read: (view) => view.getBigUint64(0, true) },
  b1: { name: "bool", size: 1, read: (view) => view.getUint8(0) !== 0 },
};

/** `dtype('f8', False, True)` is `f8`. */
function dtypeText(dtype: Made): string | undefined {
  const first = tuple(dtype.args)?.[0];
  return nameOf(dtype.callee) === "numpy.dtype" && typeof first === "string" ? first : undefined;
}
