import { describe, expect, it } from "vitest";
import { fromBase64 } from "./base64";
import { sketchOf } from "./functions";
import { LIMITS, readPickle } from "./reader";
import samples from "./samples.json";
import { show, showCall, showFunction } from "./show";
import type { Value } from "./values";

const all: Record<string, string> = samples;

function value(name: string): Value {
  const read = readPickle(fromBase64(all[name] as string));
  if ("note" in read) throw new Error(`${name}: ${read.note}`);
  return read.value;
}

function inEveryProtocol(name: string): Set<string> {
  const names = Object.keys(all).filter((one) => one.startsWith(`${name}/`));
  expect(names.length).toBeGreaterThan(2);
  return new Set(names.map((one) => show(value(one)).replace(/\s*\n\s*/g, " ")));
}

function bytes(...parts: (string | number[])[]): Uint8Array {
  return Uint8Array.from(
    parts.flatMap((part) => (typeof part === "string" ? [...part].map((c) => c.charCodeAt(0)) : part)),
  );
}

function note(pickle: Uint8Array, limits = LIMITS): string {
  const read = readPickle(pickle, limits);
  if ("note" in read) return read.note;
  throw new Error(`read as ${show(read.value).slice(0, 200)}`);
}

describe("values of every protocol are shown as Python writes them", () => {
  it.each([
    [
      "scalars",
      "( None, True, False, 0, 255, 65535, -1, 2147483648, -9223372036854775808, 1000000000000000000000000000000, 1.5, -0.0, inf, 1e+300, )",
    ],
    ["texts", "('', 'plain', 'Grüße', '日本', 'it\\'s', 'a\\n\\t\\x1b[31m', '\\u202egnp.exe', '𝄞')"],
    ["bytes", "(b'', b'abc\\x00\\xff', bytearray(b'xy'))"],
    ["containers", "([1, [2]], (1,), {}, {'a': {'b': 1}, 2: 'two'}, {3}, set(), frozenset({4}))"],
    ["itself", "[1, …]"],
    ["shared", "[['x'], ['x']]"],
    [
      "times",
      "( datetime.datetime('2026-11-26 17:48:38.000120'), datetime.date('2026-01-02'), datetime.timedelta(1, 2, 3), datetime.datetime( '2026-01-01 00:00:00', datetime.timezone(datetime.timedelta(0, 0, 0)), ), )",
    ],
    [
      "objects",
      "( shapes.Point(x=1, y=2), shapes.Slotted(a=1), shapes.Stack([7, 8]), decimal.Decimal('1.10'), complex(1.0, -2.0), )",
    ],
    [
      "collections",
      "( collections.OrderedDict({'a': 1}), collections.deque([1, 2]), collections.Counter({'a': 2, 'b': 1}), collections.defaultdict(list, {'k': [1]}), functools.partial(pow, 2), )",
    ],
    ["path", "pathlib.PurePosixPath('/', 'tmp', 'x')"],
    ["globals", "(len, shapes.Point, pow, numpy.dot)"],
    ["exception", "ValueError('no', 7)"],
    ["array f8", "numpy.ndarray(shape=(2, 3), dtype='f8')"],
    ["array i4", "numpy.ndarray(shape=(4,), dtype='i4')"],
    ["array scalar", "numpy.float64(2.5)"],
  ])("%s", (name, text) => {
    expect(inEveryProtocol(name)).toEqual(new Set([text]));
  });
});

describe("what cloudpickle sends by value", () => {
  it("a function is shown by its name and its parameters with their defaults", () => {
    const sketch = sketchOf(value("cloudpickle function"));
    expect(sketch?.name).toBe("outer.scale");
    expect(sketch?.module).toBe("__main__");
    expect(sketch?.line).toBeGreaterThan(10);
    expect(sketch && showFunction(sketch)).toBe("def outer.scale(a, b=2, /, c=3, *rest, factor, **extra)");
  });

  it("a lambda is shown with what it takes by keyword only", () => {
    expect(show(value("cloudpickle lambda"))).toBe("def main.<lambda>(x, *, key=None)");
  });

  it.each(["3.9", "3.13"])("code of Python %s is understood", (version) => {
    const sketch = sketchOf(value(`function of ${version}`));
    expect(sketch && showFunction(sketch)).toBe("def scale(a, b=2, *rest, factor, **extra)");
    expect(sketch?.line).toBe(3);
  });

  it("a class and a module are shown by their names", () => {
    expect(show(value("cloudpickle class"))).toBe("class Made");
    expect(show(value("cloudpickle module"))).toBe("module numpy");
  });

  it("arguments are shown as a call", () => {
    expect(showCall("scale", value("cloudpickle call"))).toBe(
      "scale(1, 'two', numpy.ndarray(shape=(3,), dtype='f8'), factor=2.0)",
    );
  });

  it("arguments that are no pair are shown as they are", () => {
    expect(showCall("f", 3n)).toBe("3");
    expect(showCall("f", { kind: "tuple", items: [1n, 2n] })).toBe("(1, 2)");
  });
});

describe("a hostile pickle ends in a short note or a short text", () => {
  it("lists within lists, a hundred thousand deep", () => {
    const deep = bytes([0x80, 4], "]".repeat(100_000), "a".repeat(99_999), ".");
    const read = readPickle(deep);
    expect("value" in read && show(read.value).length).toBeLessThan(1_000);
  });

  it("lists that double at each of forty levels", () => {
    let text = "(lp0\n";
    for (let level = 1; level < 40; level += 1) text += `0(lp${level}\ng${level - 1}\nag${level - 1}\na`;
    const read = readPickle(bytes(text, "."));
    expect("value" in read && show(read.value).length).toBeLessThan(100_000);
  });

  it("a memo with two billion as its place", () => {
    expect(readPickle(bytes("Nr", [255, 255, 255, 127], "."))).toEqual({ value: null });
  });

  it("a length that is longer than everything", () => {
    expect(note(bytes([0x8d, 255, 255, 255, 255, 255, 255, 255, 255]))).toBe("It is cut short.");
    expect(note(bytes("B", [255, 255, 255, 255]))).toBe("It is cut short.");
  });

  it("an instruction that does not exist", () => {
    expect(note(bytes([0xff]))).toContain("instruction 255");
  });

  it("a protocol of the future", () => {
    expect(note(bytes([0x80, 9], "N."))).toContain("Protocol 9");
  });

  it("an end without a value, a mark without an end, a place nobody filled", () => {
    for (const odd of [".", "(.", "t.", "h\x07.", "R.", "a.", "(u.", "Na.", "g-1\n.", "(o.", "b."])
      expect(note(bytes(odd))).toBe("It is no pickle, or a broken one.");
  });

  it("more instructions than are read, and more bytes", () => {
    expect(note(bytes("N0".repeat(50), "N."), { ...LIMITS, instructions: 50 })).toContain("too long");
    expect(note(bytes("N".repeat(50), "."), { ...LIMITS, bytes: 50 })).toContain("too large");
  });

  it("more time than is given", () => {
    expect(note(bytes("N0".repeat(10_000), "N."), { ...LIMITS, milliseconds: 0 })).toContain("too long");
  });

  it("an integer of a megabyte", () => {
    const huge = new Uint8Array(1_000_006);
    huge.set([0x8b, 0x40, 0x42, 0x0f, 0]);
    huge[huge.length - 1] = 0x2e;
    const read = readPickle(huge);
    expect("value" in read && show(read.value)).toBe("an integer of 8,000,000 bits");
  });

  it("a command is shown, not run", () => {
    const read = readPickle(bytes("cos\nsystem\n(S'rm -rf /'\ntR."));
    expect("value" in read && show(read.value)).toBe("os.system('rm -rf /')");
  });

  it("names with newlines and turned directions stay one harmless line", () => {
    const odd = "a\u202eb\u001b[2J";
    const encoded = new TextEncoder().encode(odd);
    const read = readPickle(bytes([0x8c, 1], "m", [0x8c, encoded.length, ...encoded, 0x93], "."));
    expect("value" in read && show(read.value)).toBe("m.a\ufffdb\ufffd[2J");
  });

  it("real pickles cut anywhere", () => {
    for (const name of ["containers/0", "objects/5", "cloudpickle function", "array f8/5"]) {
      const whole = fromBase64(all[name] as string);
      for (let end = 0; end < whole.length; end += 1)
        expect(note(whole.subarray(0, end))).toMatch(/^(It|There) is/);
    }
  });

  it("real pickles with any byte changed", () => {
    for (const name of ["containers/2", "objects/4", "cloudpickle function"]) {
      const whole = fromBase64(all[name] as string);
      for (let at = 0; at < whole.length; at += 1) {
        const changed = whole.slice();
        changed[at] = (changed[at] as number) ^ 0x21;
        const read = readPickle(changed);
        if ("value" in read) expect(show(read.value).length).toBeLessThan(100_000);
        else expect(read.note.length).toBeLessThan(80);
      }
    }
  });
});

describe("long things are cut", () => {
  it("a list of a million elements shows a hundred", () => {
    const read = readPickle(bytes("(", "K\x01".repeat(500_000), "l."));
    const text = "value" in read ? show(read.value) : "";
    expect(text).toContain("… 499,900 more");
    expect(text.length).toBeLessThan(2_000);
  });

  it("a text of a megabyte shows its beginning and its length", () => {
    const text = bytes("X", [0x40, 0x42, 0x0f, 0], "x".repeat(1_000_000), ".");
    const read = readPickle(text);
    const shown = "value" in read ? show(read.value) : "";
    expect(shown.length).toBeLessThan(2_200);
    expect(shown).toContain("1,000,000 bytes");
  });
});
