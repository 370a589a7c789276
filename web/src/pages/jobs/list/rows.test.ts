import { expect, test } from "vitest";
import { EMPTY, merged } from "./book";
import { anchored, revealed, seenRows } from "./rows";

const book = (jids: number[], from = EMPTY) =>
  merged(from, 0, {
    list: {
      jobs: jids.map((jid) => ({
        jid,
        status: "done",
        function: "f",
        core_type: "c1",
        cores: 1,
        priority: 5,
        attempt: 1,
        created: 0,
      })),
      next: null,
    },
    at: 0,
    seen: 0,
  });

test("rows that can be seen, and a few beyond, are drawn", () => {
  expect(seenRows(360, 100, 36, 1000)).toEqual({ start: 10, end: 13, from: 2, to: 21 });
  expect(seenRows(0, 100, 36, 2)).toEqual({ start: 0, end: 2, from: 0, to: 2 });
  expect(seenRows(5_000, 100, 36, 2)).toEqual({ start: 2, end: 2, from: 0, to: 2 });
});

test("new rows above leave the view where it is", () => {
  const before = book([5, 4, 3, 2, 1]);
  expect(anchored(before, book([8, 7, 6, 5, 4, 3, 2, 1], before), 2 * 36 + 10, 36)).toBe(5 * 36 + 10);
});

test("a row at the top that is gone leaves its place to the next", () => {
  const before = book([5, 4, 3, 2, 1]);
  expect(anchored(before, book([5, 4, 2, 1], before), 2 * 36, 36)).toBe(2 * 36);
  expect(anchored(before, book([4, 2, 1], before), 2 * 36, 36)).toBe(36);
});

test("a row is brought into view by the shortest way", () => {
  expect(revealed(0, 100, 200, 36)).toBe(0);
  expect(revealed(4, 100, 200, 36)).toBe(100);
  expect(revealed(20, 100, 200, 36)).toBe(21 * 36 - 200);
});
