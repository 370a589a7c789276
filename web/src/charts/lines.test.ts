import { describe, expect, it } from "vitest";
import { elapsed, places, stacked, top } from "./lines";

describe("figures of charts", () => {
  it("lines lie one upon the other, and what is missing counts as nothing", () => {
    expect(
      stacked([
        [1, 2, null],
        [10, null, 30],
      ]),
    ).toEqual([
      [1, 2, 0],
      [11, 2, 30],
    ]);
    expect(stacked([])).toEqual([]);
  });

  it("a table has few rows, evenly, the last one among them", () => {
    expect(places(3, 10)).toEqual([0, 1, 2]);
    expect(places(100, 4)).toEqual([24, 49, 74, 99]);
    expect(places(0, 4)).toEqual([]);
    const many = places(99_999, 120);
    expect(many.length).toBe(120);
    expect(many.at(-1)).toBe(99_998);
    expect(new Set(many).size).toBe(120);
  });

  it("elapsed time reads like a clock", () => {
    expect([0, 9, 75, 3675, 90_000].map(elapsed)).toEqual(["0:00", "0:09", "1:15", "1:01:15", "25:00:00"]);
  });

  it("a scale is never empty", () => {
    expect(top(0, 1)).toBe(1);
    expect(top(100, 1)).toBeCloseTo(108);
  });
});
