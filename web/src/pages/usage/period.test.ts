import { expect, test } from "vitest";
import { binned, bins, isDay, periodOf } from "./period";

const NOW = Date.parse("2026-03-01T00:30:00Z");

test("seven days end today and include it", () => {
  expect(periodOf("7d", NOW)).toEqual({ from: "2026-02-23", to: "2026-03-01" });
});

test("the last month ends with its last day", () => {
  expect(periodOf("last-month", NOW)).toEqual({ from: "2026-02-01", to: "2026-02-28" });
  expect(periodOf("last-month", Date.parse("2026-01-15T12:00:00Z"))).toEqual({
    from: "2025-12-01",
    to: "2025-12-31",
  });
});

test("days the wrong way round are turned, and what is no day is replaced", () => {
  expect(periodOf("own", NOW, { from: "2026-03-01", to: "2026-02-01" })).toEqual({
    from: "2026-02-01",
    to: "2026-03-01",
  });
  expect(periodOf("own", NOW, { from: "2026-02-30", to: "x" })).toEqual({
    from: "2026-01-31",
    to: "2026-03-01",
  });
});

test("an unknown period is thirty days", () => {
  expect(periodOf("x", NOW)).toEqual({ from: "2026-01-31", to: "2026-03-01" });
});

test("the thirtieth of February is no day", () => {
  expect(isDay("2026-02-30")).toBe(false);
  expect(isDay("2024-02-29")).toBe(true);
});

test("days without anything are there with nothing", () => {
  expect(
    binned(
      [
        { day: "2026-02-02", value: 3 },
        { day: "2026-02-02", value: 4 },
      ],
      { from: "2026-02-01", to: "2026-02-03" },
    ),
  ).toEqual([
    { start: "2026-02-01", value: 0 },
    { start: "2026-02-02", value: 7 },
    { start: "2026-02-03", value: 0 },
  ]);
});

test("a long time is shown by weeks, and never by more than a hundred bars", () => {
  expect(bins({ from: "2026-01-01", to: "2026-12-31" }).days).toBe(7);
  expect(bins({ from: "2000-01-01", to: "2026-12-31" }).starts.length).toBeLessThanOrEqual(100);
});

test("every day falls into a bin", () => {
  const period = { from: "2026-01-01", to: "2026-12-31" };
  const sum = binned(
    [
      { day: "2026-01-01", value: 1 },
      { day: "2026-12-31", value: 1 },
    ],
    period,
  );
  expect(sum.reduce((total, bin) => total + bin.value, 0)).toBe(2);
});
