// Reads pickles of protocols 0 to 5 without executing anything: a machine with a stack, a memo and no way to call.
// Every pickle may be hostile, so bytes, instructions and time are bounded, and nothing recurses.
import { Cursor, PickleError } from "./cursor";
import { floatOfText, integerOf, integerOfText } from "./numbers";
import { type Collection, isObject, made, nameOf, tuple, type Value } from "./values";

export interface Limits {
  bytes: number;
  instructions: number;
  milliseconds: number;
}

export const LIMITS: Limits = { bytes: 8 << 20, instructions: 2_000_000, milliseconds: 400 };

export type Read = { value: Value } | { note: string };

/** The value of a pickle, or a short note why it is not shown. */
export function readPickle(bytes: Uint8Array, limits: Limits = LIMITS): Read {
  if (bytes.length === 0) return { note: "There is nothing in it." };
  if (bytes.length > limits.bytes) return { note: "It is too large to be shown." };
  try {
    return { value: new Machine(new Cursor(bytes), limits).run() };
  } catch (error) {
    if (error instanceof PickleError) return { note: error.message };
    throw error;
  }
}

const MARK = Symbol("mark");
type Slot = Value | typeof MARK;

class Machine {
  private readonly stack: Slot[] = [];
  private readonly memo = new Map<number, Value>();

  constructor(
    private readonly from: Cursor,
    private readonly limits: Limits,
  ) {}

  run(): Value {
    const until = performance.now() + this.limits.milliseconds;
    for (let count = 0; ; count += 1) {
      if (count >= this.limits.instructions) throw new PickleError("It is too long to be shown.");
      if ((count & 0xfff) === 0xfff && performance.now() > until)
        throw new PickleError("It takes too long to be read.");
      const code = this.from.byte();
      if (code === STOP) return this.pop();
      const step = STEPS[code];
      if (!step) throw new PickleError(`It is no pickle: instruction ${code} does not exist.`);
      step(this, this.from);
    }
  }

  push(value: Value): void {
    this.stack.push(value);
  }

  mark(): void {
    this.stack.push(MARK);
  }

  pop(): Value {
    const value = this.stack.pop();
    if (value === undefined || value === MARK) throw broken();
    return value;
  }

  /** Pops a value, or a mark that nothing was put upon. */
  drop(): void {
    if (this.stack.pop() === undefined) throw broken();
  }

  top(): Value {
    const value = this.stack[this.stack.length - 1];
    if (value === undefined || value === MARK) throw broken();
    return value;
  }

  /** Pops everything down to the last mark. */
  popMark(): Value[] {
    const at = this.stack.lastIndexOf(MARK);
    if (at < 0) throw broken();
    const values = this.stack.splice(at) as Value[];
    values.shift();
    return values;
  }

  remember(index: number): void {
    this.memo.set(index, this.top());
  }

  memoize(): void {
    this.memo.set(this.memo.size, this.top());
  }

  recall(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) throw broken();
    this.push(value);
  }
}

function broken(): PickleError {
  return new PickleError("It is no pickle, or a broken one.");
}

/** Elements for what is on top: a list, a set, or an object that behaves like one. */
function extend(machine: Machine, items: Value[]): void {
  const target = machine.top();
  if (!isObject(target)) throw broken();
  if (target.kind === "made" || target.kind === "list" || target.kind === "set") {
    for (const item of items) target.items.push(item);
  } else throw broken();
}

function enter(machine: Machine, items: Value[]): void {
  const target = machine.top();
  if (!isObject(target) || items.length % 2 !== 0) throw broken();
  const into = target.kind === "made" ? target.entries : target.kind === "dict" ? target.items : undefined;
  if (!into) throw broken();
  for (const item of items) into.push(item);
}

function collection(kind: Collection["kind"], items: Value[]): Collection {
  return { kind, items };
}

function last(machine: Machine, count: number): Value[] {
  const items: Value[] = [];
  for (let n = 0; n < count; n += 1) items.unshift(machine.pop());
  return items;
}

function call(machine: Machine): void {
  const args = machine.pop();
  const callee = machine.pop();
  giveState(callee, args);
  machine.push(made(callee, args));
}

/** cloudpickle gives functions and classes their state by a call of its own, whose value is thrown away. */
function giveState(callee: Value, args: Value): void {
  if (!/^cloudpickle\.cloudpickle\._(function|class)_setstate$/.test(nameOf(callee) ?? "")) return;
  const [target, state] = tuple(args) ?? [];
  if (isObject(target) && target.kind === "made") target.state ??= state;
}

function named(module: Value | string, name: Value | string): Value {
  if (typeof module !== "string" || typeof name !== "string") throw broken();
  return { kind: "global", module, name };
}

type Step = (machine: Machine, from: Cursor) => void;

const STOP = 0x2e;
const STEPS: (Step | undefined)[] = [];
function on(code: string | number, step: Step): void {
  STEPS[typeof code === "string" ? code.charCodeAt(0) : code] = step;
}

on("(", (m) => m.mark());
on("0", (m) => m.drop());
on("1", (m) => void m.popMark());
on("2", (m) => m.push(m.top()));

on("N", (m) => m.push(null));
on(0x88, (m) => m.push(true));
on(0x89, (m) => m.push(false));
on("I", (m, from) => {
  const text = from.line();
  m.push(text === "01" ? true : text === "00" ? false : integerOfText(text));
});
on("J", (m, from) => m.push(BigInt(from.int32())));
on("K", (m, from) => m.push(BigInt(from.byte())));
on("M", (m, from) => m.push(BigInt(from.uint16())));
on("L", (m, from) => m.push(integerOfText(from.line().replace(/L$/, ""))));
on(0x8a, (m, from) => m.push(integerOf(from.bytes(from.byte()))));
on(0x8b, (m, from) => m.push(integerOf(from.bytes(from.uint32()))));
on("F", (m, from) => m.push(floatOfText(from.line())));
on("G", (m, from) => m.push(from.float64()));

on("S", (m, from) => m.push(from.quoted()));
on("T", (m, from) => m.push(from.text(from.uint32())));
on("U", (m, from) => m.push(from.text(from.byte())));
on("V", (m, from) => m.push(from.rawUnicode()));
on("X", (m, from) => m.push(from.text(from.uint32())));
on(0x8c, (m, from) => m.push(from.text(from.byte())));
on(0x8d, (m, from) => m.push(from.text(from.uint64())));
on("B", (m, from) => m.push(from.bytes(from.uint32())));
on("C", (m, from) => m.push(from.bytes(from.byte())));
on(0x8e, (m, from) => m.push(from.bytes(from.uint64())));
on(0x96, (m, from) => m.push({ kind: "bytearray", bytes: from.bytes(from.uint64()) }));
on(0x97, (m) => m.push({ kind: "buffer" }));
on(0x98, () => undefined);

on("]", (m) => m.push(collection("list", [])));
on("l", (m) => m.push(collection("list", m.popMark())));
on("a", (m) => {
  const item = m.pop();
  extend(m, [item]);
});
on("e", (m) => {
  const items = m.popMark();
  extend(m, items);
});
on(")", (m) => m.push(collection("tuple", [])));
on("t", (m) => m.push(collection("tuple", m.popMark())));
on(0x85, (m) => m.push(collection("tuple", last(m, 1))));
on(0x86, (m) => m.push(collection("tuple", last(m, 2))));
on(0x87, (m) => m.push(collection("tuple", last(m, 3))));
on("}", (m) => m.push({ kind: "dict", items: [] }));
on("d", (m) => {
  const items = m.popMark();
  m.push({ kind: "dict", items: [] });
  enter(m, items);
});
on("s", (m) => {
  const items = last(m, 2);
  enter(m, items);
});
on("u", (m) => {
  const items = m.popMark();
  enter(m, items);
});
on(0x8f, (m) => m.push(collection("set", [])));
on(0x90, (m) => {
  const items = m.popMark();
  extend(m, items);
});
on(0x91, (m) => m.push(collection("frozenset", m.popMark())));

on("p", (m, from) => m.remember(from.index()));
on("q", (m, from) => m.remember(from.byte()));
on("r", (m, from) => m.remember(from.uint32()));
on(0x94, (m) => m.memoize());
on("g", (m, from) => m.recall(from.index()));
on("h", (m, from) => m.recall(from.byte()));
on("j", (m, from) => m.recall(from.uint32()));

on("c", (m, from) => {
  const module = from.line();
  m.push(named(module, from.line()));
});
on(0x93, (m) => {
  const name = m.pop();
  m.push(named(m.pop(), name));
});
on("R", call);
on(0x81, call);
on(0x92, (m) => {
  const keywords = m.pop();
  const args = m.pop();
  m.push(made(m.pop(), args, keywords));
});
on("i", (m, from) => {
  const module = from.line();
  const callee = named(module, from.line());
  m.push(made(callee, collection("tuple", m.popMark())));
});
on("o", (m) => {
  const [callee, ...args] = m.popMark();
  if (callee === undefined) throw broken();
  m.push(made(callee, collection("tuple", args)));
});
on("b", (m) => {
  const state = m.pop();
  const target = m.top();
  // What is no object has no state; such a pickle is odd, but what it is about can be seen all the same.
  if (isObject(target) && target.kind === "made") target.state = state;
});
on("P", (m, from) => m.push({ kind: "persistent", id: from.line() }));
on("Q", (m) => m.push({ kind: "persistent", id: m.pop() }));
on(0x82, (m, from) => m.push({ kind: "extension", code: from.byte() }));
on(0x83, (m, from) => m.push({ kind: "extension", code: from.uint16() }));
on(0x84, (m, from) => m.push({ kind: "extension", code: from.int32() }));

on(0x80, (_, from) => {
  const protocol = from.byte();
  if (protocol > 5) throw new PickleError(`Protocol ${protocol} is newer than this page.`);
});
// Frames are for those who read from a stream.
on(0x95, (_, from) => void from.uint64());
