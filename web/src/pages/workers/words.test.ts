import { expect, test } from "vitest";
import type { WorkerRow } from "../../api/types";
import { isolationWords, limitsWords, offerWords, ordered, pythonsInOrder } from "./words";

function worker(name: string, more: Partial<WorkerRow> = {}): WorkerRow {
  return {
    worker: 1,
    name,
    hostname: name,
    version: "1",
    cpus: 2,
    compute_units: 2,
    memory_bytes: 1,
    pythons: [],
    confinement: { isolation: "sandbox", limits: "cgroup2" },
    running: 0,
    last_seen: 0,
    connected: true,
    ...more,
  };
}

test("a worker without a sandbox is said to have none, and so is one that says nothing", () => {
  expect(isolationWords({ confinement: { isolation: "process" } }).name).toBe("no sandbox");
  expect(isolationWords({ confinement: {} }).name).toBe("no sandbox");
  expect(limitsWords({ confinement: {} }).name).toBe("limits of single processes");
});

test("workers in contact come first by name, then those that ended, the last one first", () => {
  const rows = [
    worker("gone-early", { connected: false, last_seen: 10 }),
    worker("w10"),
    worker("gone-late", { connected: false, last_seen: 20 }),
    worker("w2"),
  ];
  expect(ordered(rows).map((row) => row.name)).toEqual(["w2", "w10", "gone-late", "gone-early"]);
});

test("what ended offers nothing", () => {
  const rows = [worker("a", { running: 3 }), worker("b", { connected: false, running: 5 })];
  expect(offerWords(rows)).toBe("One worker offers 2 compute units and runs 3 jobs.");
  expect(offerWords(rows.slice(1))).toBe("No worker is connected, so no job can run.");
});

test("Python 3.9 comes before 3.10", () => {
  expect(pythonsInOrder(["3.10", "3.13", "3.9"])).toEqual(["3.9", "3.10", "3.13"]);
});
