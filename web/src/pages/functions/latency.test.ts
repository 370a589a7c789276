import { expect, test } from "vitest";
import { buckets, type Call, quantile, summary } from "./latency";

function call(created: number, took: number, status = "done"): Call {
  return { status, created, started: created + 100, finished: created + took };
}

test("a quantile is one of the values", () => {
  expect(quantile([], 0.5)).toBeUndefined();
  expect(quantile([7], 0.95)).toBe(7);
  expect(quantile([1, 2, 3, 4], 0.5)).toBe(2);
  const hundred = Array.from({ length: 100 }, (_, n) => n + 1);
  expect(quantile(hundred, 0.95)).toBe(95);
});

test("the summary counts what has ended, and every way to fail", () => {
  const calls = [
    call(0, 1000),
    call(0, 3000, "error"),
    call(0, 5000, "killed"),
    { status: "processing", created: 0, started: 50 },
    { status: "queued", created: 0 },
  ];
  expect(summary(calls)).toEqual({ ended: 3, failed: 2, median: 3, slow: 5, waited: 0.1 });
});

test("a job that was killed while it waited has no start, and breaks nothing", () => {
  const killed = { status: "killed", created: 1000, started: null, finished: 1500 };
  expect(summary([killed])).toEqual({ ended: 1, failed: 1, median: 0.5, slow: 0.5, waited: undefined });
});

test("each call is in one span, and spans without calls have no latency", () => {
  const calls = [call(0, 1000), call(10, 2000, "error"), call(99_999, 4000)];
  const found = buckets(calls, 10);
  expect(found.x.length).toBe(10);
  expect(found.done.reduce((a, b) => a + b)).toBe(2);
  expect(found.failed).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  expect(found.median.slice(0, 2)).toEqual([1, null]);
  expect(found.slow.at(0)).toBe(2);
  expect(found.median.at(-1)).toBe(4);
});

test("calls of one moment are one span, and no call is none", () => {
  expect(buckets([call(5, 1), call(5, 1)], 40).x.length).toBe(1);
  expect(buckets([{ status: "queued", created: 0 }], 40).x).toEqual([]);
});
