import { expect, test } from "vitest";
import type { JobList, JobRow } from "../../../api/types";
import {
  type Book,
  beforeOf,
  EMPTY,
  indexOf,
  limitOf,
  linesAt,
  loadedLines,
  merged,
  newerThan,
  nextPage,
  released,
} from "./book";

function row(jid: number, more: Partial<JobRow> = {}): JobRow {
  return {
    jid,
    status: "done",
    function: "f",
    core_type: "c1",
    cores: 1,
    priority: 5,
    attempt: 1,
    created: jid,
    ...more,
  };
}

function list(jids: number[], next: number | null): JobList {
  return { jobs: jids.map((jid) => row(jid)), next };
}

const jids = (book: Book) => loadedLines(book).map((line) => line.row.jid);
const down = (from: number, to: number) => Array.from({ length: from - to + 1 }, (_, i) => from - i);
const answer = (answered: JobList, seen = 0) => ({ list: answered, at: 1_000, seen });
const EVERYTHING = { start: 0, end: 1_000_000 };

/** A random sequence that is the same each time. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test("pages follow each other down to the last", () => {
  let book = merged(EMPTY, 0, answer(list(down(300, 201), 201)));
  expect(beforeOf(book, 1)).toBe(201);
  book = merged(book, 1, answer(list(down(200, 150), null)));
  expect(jids(book)).toEqual(down(300, 150));
  expect(nextPage(book, EVERYTHING, 1e6, { hints: 0, again: true, top: true })).toBeUndefined();
});

test("an empty page with a next one is gone on from", () => {
  let book = merged(EMPTY, 0, answer(list([], 500)));
  expect(nextPage(book, { start: 0, end: 20 }, 1e6, { hints: 0, again: false, top: false })).toBe(1);
  book = merged(book, 1, answer(list([450], 400)));
  book = merged(book, book.pages.length, answer(list([], 300)));
  expect(beforeOf(book, book.pages.length)).toBe(300);
  expect(jids(book)).toEqual([450]);
});

test("new jobs are put on top and nothing else changes", () => {
  const before = merged(EMPTY, 0, answer(list(down(100, 1), null)));
  const after = merged(before, 0, answer(list(down(130, 31), 31), 1));
  expect(jids(after)).toEqual(down(130, 1));
  expect(newerThan(after, 100)).toBe(30);
  const [old, now] = [loadedLines(before)[0], loadedLines(after)[30]];
  expect(now).toBe(old);
});

test("jobs that no longer fit go, also between others", () => {
  const before = merged(EMPTY, 0, answer(list(down(100, 1), null)));
  const after = merged(before, 0, answer(list([100, 98, 3], null), 1));
  expect(jids(after)).toEqual([100, 98, 3]);
});

test("more new jobs than a page has leave older ones to be asked again", () => {
  let book = merged(EMPTY, 0, answer(list(down(100, 1), null)));
  book = merged(book, 0, answer(list(down(500, 401), 401), 1));
  expect(jids(book)).toEqual([...down(500, 401), ...down(100, 1)]);
  const next = nextPage(book, { start: 80, end: 110 }, 1e6, { hints: 1, again: true, top: false });
  expect(next).toBe(1);
  expect(beforeOf(book, 1)).toBe(401);
});

test("rows far away are let go and asked for when they are looked at", () => {
  let book = merged(EMPTY, 0, answer(list(down(1000, 901), 901)));
  for (let last = 901; last > 101; last -= 100)
    book = merged(book, book.pages.length, answer(list(down(last - 1, last - 100), last - 100)));
  const total = book.total;
  book = released(book, 850, 880, 100);
  expect(book.total).toBe(total);
  expect(linesAt(book, 200, 202)).toEqual([undefined, undefined]);
  expect(linesAt(book, 850, 851)[0]?.row.jid).toBe(150);
  expect(linesAt(book, 0, 1)[0]?.row.jid).toBe(1000);
  const missing = nextPage(book, { start: 250, end: 260 }, 1e6, { hints: 0, again: false, top: false });
  expect(missing).toBe(2);
  book = merged(book, 2, answer(list(down(800, 701), 701)));
  expect(linesAt(book, 250, 251)[0]?.row.jid).toBe(750);
});

test("a page next to one that was let go takes nothing from it", () => {
  let book = merged(EMPTY, 0, answer(list(down(300, 201), 201)));
  book = merged(book, 1, answer(list(down(200, 101), 101)));
  book = released(book, 0, 10, 0);
  book = merged(book, 0, answer(list(down(250, 151), 151), 1));
  expect(jids(book)).toEqual(down(250, 201));
  expect(book.total).toBe(150);
});

test("a map has one row, where its newest job is", () => {
  const map = { first: 10, count: 50, statuses: { done: 50 } };
  let book = merged(EMPTY, 0, answer({ jobs: [row(90), row(59, { map }), row(5)], next: 5 }));
  book = merged(book, 1, answer({ jobs: [row(4)], next: null }));
  const line = loadedLines(book)[1];
  book = merged(book, 0, answer({ jobs: [row(95, { map }), row(90), row(5)], next: 5 }, 1));
  expect(jids(book)).toEqual([95, 90, 5, 4]);
  expect(line && indexOf(book, line)).toBe(0);
});

test("a running job's row stays the same object while only its time goes on", () => {
  const running = (runtime_ms: number) =>
    ({ jobs: [row(1, { status: "processing", runtime_ms })], next: null }) satisfies JobList;
  const first = merged(EMPTY, 0, { list: running(5_000), at: 10_000, seen: 0 });
  const second = merged(first, 0, { list: running(6_100), at: 11_000, seen: 1 });
  expect(loadedLines(second)[0]).toBe(loadedLines(first)[0]);
  expect(loadedLines(second)[0]?.since).toBe(5_000);
});

test("where a row was is found when it is gone", () => {
  const book = merged(EMPTY, 0, answer(list([9, 7, 5], null)));
  const seven = loadedLines(book)[1];
  const after = merged(book, 0, answer(list([12, 9, 5], null), 1));
  expect(seven && indexOf(after, seven)).toBe(2);
});

test("whatever comes, goes and is let go, the list ends up as the server's", () => {
  for (let seed = 1; seed <= 25; seed += 1) {
    const roll = dice(seed);
    const there = new Set<number>();
    let newest = 400;
    for (let jid = 1; jid <= newest; jid += 1) if (roll(3) > 0) there.add(jid);
    let hints = 0;
    let book = EMPTY;
    // A server that looks at so many ids for one answer.
    const ask = (index: number) => {
      const before = beforeOf(book, index) ?? newest + 1;
      const lowest = Math.max(1, before - 20 - roll(300));
      const found: number[] = [];
      let at = before - 1;
      for (; at >= lowest && found.length < limitOf(book, index); at -= 1) if (there.has(at)) found.push(at);
      book = merged(book, index, answer(list(found, at < 1 ? null : at + 1), hints));
    };
    for (let step = 0; step < 60; step += 1) {
      const start = roll(book.total + 1);
      const view = { start, end: start + 20 };
      const index = nextPage(book, view, 1e6, { hints, again: true, top: roll(2) === 0 });
      if (index !== undefined) ask(index);
      if (roll(3) === 0) {
        hints += 1;
        for (let count = roll(150); count > 0; count -= 1) {
          newest += 1;
          if (roll(4) > 0) there.add(newest);
        }
        for (let count = roll(20); count > 0; count -= 1) there.delete(1 + roll(newest));
        there.add(1 + roll(newest));
      }
      if (roll(5) === 0) book = released(book, view.start, view.end, 50);
    }
    for (let step = 0; ; step += 1) {
      const index = nextPage(book, EVERYTHING, 1e6, { hints, again: true, top: true });
      if (index === undefined) break;
      ask(index);
      expect(step).toBeLessThan(500);
    }
    expect(jids(book)).toEqual([...there].sort((a, b) => b - a));
    expect(book.total).toBe(there.size);
  }
});
