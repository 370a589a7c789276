import { describe, expect, it } from "vitest";
import type { ProfileCalls } from "../../../../api/types";
import { type Bar, FLAME, flame, neighbour, roots } from "./flame";
import { clicked, listed, perCall, placeOf } from "./table";

function profile(functions: [string, number][], edges: [number, number, number][]): ProfileCalls {
  return {
    functions: functions.map(([name, total_s], at) => ({
      file: `${name}.py`,
      line: at,
      name,
      calls: 2,
      primitive_calls: 2,
      own_s: 0,
      total_s,
    })),
    edges: edges.map(([caller, callee, total_s]) => ({ caller, callee, calls: 1, own_s: 0, total_s })),
  };
}

const simple = profile(
  [
    ["main", 10],
    ["load", 6],
    ["parse", 3],
    ["save", 3],
  ],
  [
    [0, 1, 6],
    [0, 3, 3],
    [1, 2, 3],
  ],
);

function names(calls: ProfileCalls, bars: Bar[]): string[] {
  return bars.map(
    (bar) => `${calls.functions[bar.fn]?.name} ${bar.depth} ${bar.left.toFixed(2)} ${bar.width.toFixed(2)}`,
  );
}

describe("the picture of a profile", () => {
  it("has each function below its caller, as wide as the time it took", () => {
    expect(names(simple, flame(simple))).toEqual([
      "main 0 0.00 1.00",
      "load 1 0.00 0.60",
      "save 1 0.60 0.30",
      "parse 2 0.00 0.30",
    ]);
  });

  it("splits a function's time by what each of its callers is due", () => {
    const shared = profile(
      [
        ["main", 10],
        ["a", 8],
        ["b", 2],
        ["work", 10],
      ],
      [
        [0, 1, 8],
        [0, 2, 2],
        [1, 3, 8],
        [2, 3, 2],
      ],
    );
    expect(names(shared, flame(shared)).slice(3)).toEqual(["work 2 0.00 0.80", "work 2 0.80 0.20"]);
  });

  it("ends where a circle would begin", () => {
    const circle = profile(
      [
        ["main", 4],
        ["ping", 4],
        ["pong", 3],
      ],
      [
        [0, 1, 4],
        [1, 2, 3],
        [2, 1, 2],
        [1, 1, 3],
      ],
    );
    expect(names(circle, flame(circle)).map((name) => name.split(" ")[0])).toEqual(["main", "ping", "pong"]);
  });

  it("of nothing but a circle begins with the longest", () => {
    const circle = profile(
      [
        ["a", 1],
        ["b", 2],
      ],
      [
        [0, 1, 1],
        [1, 0, 1],
      ],
    );
    expect(roots(circle)).toEqual([1]);
  });

  it("has no bar outside of its caller, even where recursion makes edges too long", () => {
    const odd = profile(
      [
        ["main", 4],
        ["a", 9],
        ["b", 7],
      ],
      [
        [0, 1, 9],
        [0, 2, 7],
      ],
    );
    const [main, ...rest] = flame(odd);
    expect(main?.width).toBe(1);
    for (const bar of rest) expect(bar.left + bar.width).toBeLessThanOrEqual(1 + 1e-9);
  });

  it("shows below a chosen function only what it called, and the way back above it", () => {
    expect(names(simple, flame(simple, [0, 1]))).toEqual([
      "main 0 0.00 1.00",
      "load 1 0.00 1.00",
      "parse 2 0.00 0.50",
    ]);
  });

  it("is bounded for the largest of profiles", () => {
    const functions: [string, number][] = Array.from({ length: 5_000 }, (_, at) => [
      `f${at}`,
      10 - at / 1_000,
    ]);
    const edges: [number, number, number][] = Array.from({ length: 20_000 }, (_, at) => [
      at % 5_000,
      (at * 7 + 1) % 5_000,
      5,
    ]);
    const began = performance.now();
    const bars = flame(profile(functions, edges));
    expect(bars.length).toBeLessThanOrEqual(FLAME.bars);
    expect(performance.now() - began).toBeLessThan(1_500);
  });

  it("of odd figures is empty", () => {
    expect(flame({ functions: [], edges: [] })).toEqual([]);
    expect(flame(profile([["a", 0]], [[0, 7, 1]]))).toEqual([]);
  });

  it("is walked with the arrow keys", () => {
    const bars = flame(simple);
    const go = (at: number, key: string) => neighbour(bars, at, key);
    expect(go(0, "ArrowDown")).toBe(1);
    expect(go(1, "ArrowRight")).toBe(2);
    expect(go(2, "ArrowLeft")).toBe(1);
    expect(go(1, "ArrowDown")).toBe(3);
    expect(go(3, "ArrowUp")).toBe(1);
    expect(go(0, "ArrowUp")).toBeUndefined();
    expect(go(2, "ArrowDown")).toBeUndefined();
  });
});

describe("the table of a profile", () => {
  it("is sorted by any column, figures from the largest on", () => {
    const order = clicked({ by: "name", down: false }, "total");
    expect(order).toEqual({ by: "total", down: true });
    expect(listed(simple.functions, "", order).map((one) => one.name)).toEqual([
      "main",
      "load",
      "parse",
      "save",
    ]);
    expect(listed(simple.functions, "", clicked(order, "total"))[0]?.name).toBe("parse");
    expect(listed(simple.functions, "", clicked(order, "name"))[0]?.name).toBe("load");
  });

  it("is searched by name and file, upper and lower case the same", () => {
    expect(listed(simple.functions, " SAVE.p", { by: "name", down: false }).map((one) => one.name)).toEqual([
      "save",
    ]);
  });

  it("counts a recursion once for the time of a call", () => {
    const one = {
      ...(simple.functions[0] as (typeof simple.functions)[number]),
      calls: 9,
      primitive_calls: 1,
    };
    expect(perCall(one)).toBe(10);
    expect(perCall({ ...one, primitive_calls: 0 })).toBe(0);
    expect(placeOf(one)).toBe("");
    expect(placeOf({ ...one, line: 3 })).toBe("main.py:3");
  });
});
