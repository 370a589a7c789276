import { describe, expect, it } from "vitest";
import { confinementWords, evidence, idsOf, lastLine, verdictWords } from "./words";

describe("verdicts in words", () => {
  it("say what was asked for too little, and what would have done", () => {
    const verdict = {
      kind: "out_of_memory",
      limit_bytes: 300e6,
      peak_bytes: 299e6,
      failures: 3,
      fits: { core_type: "c2", cores: 1 },
    } as const;
    expect(verdictWords(verdict)).toBe(
      "It needed more memory than the 300 MB it was given; the most seen was 299 MB. It would have fitted into one core of type c2.",
    );
    expect(evidence(verdict)).toContainEqual(["MemAlloc fails", "3"]);
  });

  it("count files and measure disks", () => {
    expect(verdictWords({ kind: "limit_reached", limit: "open_files", value: 1024 })).toContain(
      "open files: 1,024",
    );
    expect(verdictWords({ kind: "limit_reached", limit: "disk", value: 2e9 })).toContain(
      "disk space: 2.00 GB",
    );
    expect(evidence({ kind: "limit_reached", limit: "disk", value: 2e9, used: null })[1]?.[1]).toBe(
      "not known",
    );
  });

  it("are sentences, each of them", () => {
    const kinds = [
      { kind: "raised" },
      { kind: "not_loaded", module: "numpy" },
      { kind: "result_not_pickled" },
      { kind: "exited", code: 3 },
      { kind: "signalled", signal: 11, name: "SIGSEGV" },
      { kind: "disconnected" },
      { kind: "killed" },
      { kind: "time_limit", limit_ms: 60_000 },
      { kind: "worker_lost" },
      { kind: "dependency_failed", jid: 7 },
    ] as const;
    for (const verdict of kinds) expect(verdictWords(verdict)).toMatch(/^[A-Z].*\.$/);
    expect(verdictWords({ kind: "of the future" } as never)).toBe("It did not end with a result.");
  });
});

describe("a traceback", () => {
  it("ends with the exception, which may have several lines", () => {
    const text =
      'Traceback (most recent call last):\n  File "x.py", line 1, in f\nValueError: no\n  such thing\n';
    expect(lastLine(text)).toEqual({
      before: 'Traceback (most recent call last):\n  File "x.py", line 1, in f',
      last: "ValueError: no\n  such thing",
    });
  });

  it("may be one sentence", () => {
    expect(lastLine("its worker was lost")).toEqual({ before: "", last: "its worker was lost" });
    expect(lastLine("")).toEqual({ before: "", last: "" });
  });
});

describe("sets of ids", () => {
  it("are told one by one as far as there is room", () => {
    expect(idsOf("1-4,7", 10)).toEqual({ ids: [1, 2, 3, 4, 7], total: 5 });
    expect(idsOf("1-1000000", 3)).toEqual({ ids: [1, 2, 3], total: 1_000_000 });
    expect(idsOf("", 3)).toEqual({ ids: [], total: 0 });
    expect(idsOf("x,3-1,2", 3)).toEqual({ ids: [2], total: 1 });
  });
});

it("confinement is said in words", () => {
  expect(confinementWords({ isolation: "process", limits: "process" })).toContain("no sandbox");
  expect(confinementWords({ isolation: "sandbox", limits: "cgroup2" })).toBe("sandbox, limits by cgroup 2");
});
