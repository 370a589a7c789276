import { expect, test } from "vitest";
import { cpu, inWords, jobs, newJobs, shares } from "./words";

test("a bar's pieces fill it, and the smallest can be seen", () => {
  const pieces = shares({ done: 999_999, error: 1 });
  expect(pieces.map((piece) => piece.status)).toEqual(["done", "error"]);
  expect(pieces.reduce((sum, piece) => sum + piece.width, 0)).toBeCloseTo(100);
  expect(pieces[1]?.width).toBeGreaterThan(2.5);
});

test("statuses of no jobs, and unknown ones, are not in the bar", () => {
  expect(shares({ done: 0, nonsense: 4 })).toEqual([]);
  expect(inWords({ error: 2, queued: 1_000, done: 0 })).toBe("1,000 queued, 2 error");
});

test("one job is said in the singular", () => {
  expect(jobs(1)).toBe("1 job");
  expect(jobs(12_000)).toBe("12,000 jobs");
  expect(newJobs(1)).toBe("1 new job");
  expect(newJobs(100)).toBe("100 or more new jobs");
});

test("processor time of a job that has not ended is not known", () => {
  expect(cpu(undefined, null)).toBe("–");
  expect(cpu(1_500, 20)).toBe("1.50 s / 20.0 ms");
});
