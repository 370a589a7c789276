import { expect, test } from "vitest";
import { bytes, count, duration, money, rate, ticking } from "./format";

test("sizes have three digits and a decimal unit", () => {
  expect([0, 999, 1_536, 999_600, 14_000_000, 4e15].map(bytes)).toEqual([
    "0 B",
    "999 B",
    "1.54 KB",
    "1.00 MB",
    "14.0 MB",
    "4.00 PB",
  ]);
  expect(bytes(undefined)).toBe("–");
});

test("a duration has the unit it is read in", () => {
  expect([0, 1e-6, 0.0123, 1, 59.96, 3_725, 200_000].map(duration)).toEqual([
    "0 s",
    "1.00 µs",
    "12.3 ms",
    "1.00 s",
    "1 min 0 s",
    "1 h 2 min",
    "2 d 8 h",
  ]);
  expect(duration(null)).toBe("–");
});

test("a time that counts on has whole seconds", () => {
  expect([0.9, 9.99, 61.7].map(ticking)).toEqual(["0 s", "9 s", "1 min 1 s"]);
});

test("counts are grouped, and rates too once they are large", () => {
  expect(count(1_234_567)).toBe("1,234,567");
  expect([0, 0.25, 12.34, 1_234.4].map(rate)).toEqual(["0/s", "0.25/s", "12.3/s", "1,234/s"]);
});

test("small sums of money keep two digits that say something", () => {
  expect(money(0, "USD")).toBe("0.00 USD");
  expect(money(12.345, "USD")).toBe("12.35 USD");
  expect(money(0.000123, "USD")).toBe("0.000123 USD");
  expect(money(undefined, "USD")).toBe("–");
});
