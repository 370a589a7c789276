import { describe, expect, it } from "vitest";
import { Decoder, LogText, withoutEscapes } from "./logText";
import { CUT, moreOf, type Part, partAround, Rows } from "./rows";
import { hitFrom, pattern, Search } from "./search";

const INFINITE = Number.POSITIVE_INFINITY;

function lines(log: LogText): string[] {
  return Array.from({ length: log.lineCount }, (_, at) => log.line(at));
}

function logOf(...texts: string[]): LogText {
  const log = new LogText();
  for (const text of texts) log.append(text);
  return log;
}

describe("lines of a log", () => {
  it("are the same however the text is cut into pieces", () => {
    const text = "one\ntwo\n\nfour\nfi";
    for (let size = 1; size <= text.length; size += 1) {
      const pieces = text.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
      expect(lines(logOf(...pieces))).toEqual(["one", "two", "", "four", "fi"]);
    }
  });

  it("end at newlines, and a newline at the end begins no line", () => {
    expect(lines(logOf("a\n"))).toEqual(["a"]);
    expect(lines(logOf("a\n", "b"))).toEqual(["a", "b"]);
    expect(lines(logOf("\n", "\n"))).toEqual(["", ""]);
    expect(lines(logOf(""))).toEqual([]);
  });

  it("of CRLF are lines, and a lone CR stays", () => {
    expect(new Decoder().next(new TextEncoder().encode("a\r\nb\rc"))).toBe("a\nb\rc");
  });

  it("come whole out of bytes that were cut within a character", () => {
    const bytes = new TextEncoder().encode("Grüße 𝄞");
    const decoder = new Decoder();
    let text = "";
    for (const byte of bytes) text += decoder.next(Uint8Array.of(byte));
    expect(text + decoder.rest()).toBe("Grüße 𝄞");
  });

  it("have a gap where bytes are missing", () => {
    const log = logOf("begin");
    log.gap(1_000);
    log.append("end\n");
    expect(lines(log)).toEqual(["begin", "", "end"]);
    expect([0, 1, 2].map((at) => log.gapAt(at))).toEqual([0, 1_000, 0]);
  });
});

describe("a log that grows too long", () => {
  const bounds = { chars: 4_000_000, lines: 50_000 };

  it("keeps its beginning and its end", () => {
    const log = new LogText(bounds);
    for (let at = 0; at < 300; at += 1)
      log.append(Array.from({ length: 1_000 }, (_, n) => `line ${at * 1_000 + n}\n`).join(""));
    expect(log.lineCount).toBeLessThanOrEqual(bounds.lines);
    expect(log.line(0)).toBe("line 0");
    expect(log.line(log.lineCount - 1)).toBe("line 299999");
    const gaps = lines(log).flatMap((_, at) => (log.gapAt(at) > 0 ? [at] : []));
    expect(gaps.length).toBe(1);
    expect(gaps[0]).toBeGreaterThan(1_000);
  });

  it("counts its characters, too", () => {
    const log = new LogText(bounds);
    for (let at = 0; at < 100; at += 1) log.append(`${"x".repeat(100_000)}\n`);
    expect(log.chars).toBeLessThanOrEqual(bounds.chars);
    expect(log.chars).toBeGreaterThan(bounds.chars / 2);
  });

  it("says which lines went", () => {
    const log = new LogText({ chars: 1e9, lines: 10_000 });
    let before = 0;
    let dropped: { from: number; count: number } | undefined;
    while (!dropped) {
      before = log.lineCount;
      dropped = log.append("x\n".repeat(1_000));
    }
    expect(dropped.from).toBeGreaterThan(0);
    expect(log.lineCount).toBe(before + 1_000 - dropped.count);
  });

  it("keeps a single line of ten megabytes that comes in pieces", () => {
    const log = new LogText();
    for (let at = 0; at < 160; at += 1) log.append("y".repeat(65_536));
    expect(log.lineCount).toBe(1);
    expect(log.line(0).length).toBe(160 * 65_536);
  });
});

describe("a line without end", () => {
  it("is broken before it takes all the room", () => {
    const log = new LogText({ chars: 1_000_000, lines: 1_000 });
    for (let at = 0; at < 100; at += 1) log.append("z".repeat(50_000));
    expect(log.chars).toBeLessThanOrEqual(1_000_000);
    expect(log.lineCount).toBeLessThan(5);
  });
});

describe("what is in sight", () => {
  const log = logOf("short\n", `${"x".repeat(250)}\n`, "\n", `${"y".repeat(5_000)}\n`, "last\n");

  it("is counted by lines where nothing is wrapped", () => {
    const rows = new Rows(log, INFINITE, new Map());
    expect(rows.total()).toBe(5);
    expect(rows.at(3)).toEqual({ line: 3, rows: 3 });
    expect(rows.above(4)).toBe(4);
    expect(rows.at(99)).toEqual({ line: 4, rows: 4 });
  });

  it("is counted by rows where lines are wrapped, long ones by what is shown of them", () => {
    const rows = new Rows(log, 100, new Map());
    expect(rows.total()).toBe(1 + 3 + 1 + (20 + 1) + 1);
    expect(rows.at(3)).toEqual({ line: 1, rows: 1 });
    expect(rows.at(4)).toEqual({ line: 2, rows: 4 });
    expect(rows.above(4)).toBe(26);
  });

  it("agrees with itself for every row", () => {
    const parts = new Map<number, Part>([[3, { from: 1_000, to: 4_000 }]]);
    const rows = new Rows(log, 40, parts);
    for (let row = 0; row < rows.total(); row += 1) {
      const place = rows.at(row);
      expect(rows.above(place.line)).toBe(place.rows);
      expect(row - place.rows).toBeLessThan(rows.height(place.line, log.line(place.line)));
    }
  });

  it("is found quickly among a million lines", () => {
    const long = logOf("abcdefg\n".repeat(1_000_000));
    const rows = new Rows(long, 80, new Map());
    rows.total();
    const began = performance.now();
    for (let at = 0; at < 100; at += 1) rows.at(at * 9_999);
    expect((performance.now() - began) / 100).toBeLessThan(20);
  });

  it("of a long line grows in steps, and moves to a place that is searched for", () => {
    let part: Part = { from: 0, to: CUT };
    const steps: number[] = [];
    while (part.to < 1_000_000) {
      part = moreOf(1_000_000, part);
      steps.push(part.to);
    }
    expect(steps.slice(0, 2)).toEqual([10_000, 50_000]);
    expect(steps.length).toBeLessThan(15);
    expect(partAround(1_000_000, 700_000)).toEqual({ from: 699_500, to: 701_500 });
    expect(partAround(1_000_000, 100)).toEqual({ from: 0, to: 2_000 });
  });
});

describe("search", () => {
  function find(log: LogText, text: string): Search {
    const search = new Search(log, pattern(text) as RegExp, withoutEscapes);
    while (!search.isOver) search.work(() => false);
    return search;
  }

  it("takes no sign for a command, and no difference between cases", () => {
    const log = logOf("a.b (A.B) axb\n", "nothing\n", "[a.b]");
    expect(find(log, "A.b").hits.map((hit) => [hit.line, hit.from])).toEqual([
      [0, 0],
      [0, 5],
      [2, 1],
    ]);
    expect(pattern("")).toBeUndefined();
  });

  it("finds what is hidden by escape codes", () => {
    expect(find(logOf("er\u001b[31mror\n"), "error").hits.length).toBe(1);
  });

  it("can be interrupted, and goes on with what came meanwhile", () => {
    const log = logOf("x\n".repeat(1_000));
    const search = new Search(log, pattern("x") as RegExp, (line) => line);
    let looks = 0;
    search.work(() => {
      looks += 1;
      return looks > 2;
    });
    expect(search.next).toBe(512);
    log.append("x\n");
    while (!search.isOver) search.work(() => false);
    expect(search.hits.length).toBe(1_001);
  });

  it("stops counting at ten thousand", () => {
    expect(find(logOf("x".repeat(50_000)), "x").hits.length).toBe(10_000);
  });

  it("goes on from the line one looks at, and round", () => {
    const hits = [1, 5, 5, 9].map((line) => ({ line, from: 0, to: 1 }));
    expect([0, 1, 2, 5, 6, 10].map((line) => hitFrom(hits, line))).toEqual([0, 0, 1, 1, 3, 0]);
  });
});

describe("escape codes", () => {
  it("of colours, of titles and of links are taken out, and nothing else is", () => {
    expect(withoutEscapes("\u001b[1;31mred\u001b[0m")).toBe("red");
    expect(withoutEscapes("\u001b]0;title\u0007text\u001b]8;;x\u001b\\link")).toBe("textlink");
    expect(withoutEscapes("[31m stays")).toBe("[31m stays");
    expect(withoutEscapes("\u001b[")).toBe("\u001b[");
  });
});
