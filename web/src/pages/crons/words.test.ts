import { expect, test } from "vitest";
import { ahead, firingNote, isSameClock, kindWords, timeIn } from "./words";

const TICK = { tick: 1_000_000, at: 1_000_200, ticks: 1 };

test("a tick that came in time needs no note, and a late one says how late", () => {
  expect(firingNote({ ...TICK, kind: "fired" })).toBe("");
  expect(firingNote({ ...TICK, at: 1_030_000, kind: "fired" })).toBe("30.0 s late");
  expect(firingNote({ ...TICK, at: 1_030_000, kind: "manual" })).toBe("");
});

test("missed ticks are counted", () => {
  expect(firingNote({ ...TICK, kind: "missed" })).toContain("when it was due");
  expect(firingNote({ ...TICK, kind: "missed", ticks: 1200 })).toContain("1,200 ticks");
});

test("what could not be made says why", () => {
  expect(firingNote({ ...TICK, kind: "failed", because: "there is no core type c9" })).toBe(
    "there is no core type c9",
  );
  expect(firingNote({ ...TICK, kind: "failed" })).toBe("No job could be made.");
  expect(kindWords("overlapped")).toBe("skipped");
});

test("the time that is left is as fine as it is near", () => {
  expect([-5, 400, 59_000, 60_000, 61_000, 3_600_000, 90_000_000].map(ahead)).toEqual([
    "now",
    "in 1 s",
    "in 59 s",
    "in 1 min",
    "in 1 min",
    "in 1 h 0 min",
    "in 25 h 0 min",
  ]);
});

test("a moment has the clocks of its zone, in summer as well", () => {
  expect(timeIn("Europe/Berlin", Date.UTC(2026, 10, 27, 7, 30))).toBe("Fri 27 Nov, 08:30");
  expect(timeIn("Europe/Berlin", Date.UTC(2026, 6, 1, 7, 30))).toContain("09:30");
  expect(timeIn("Nowhere/Land", 0)).toBeUndefined();
});

test("zones with the same clocks are told once", () => {
  const winter = Date.UTC(2026, 0, 1);
  expect(isSameClock("Europe/Berlin", "Europe/Paris", winter)).toBe(true);
  expect(isSameClock("Europe/London", "UTC", winter)).toBe(true);
  expect(isSameClock("Europe/London", "UTC", Date.UTC(2026, 6, 1))).toBe(false);
});
