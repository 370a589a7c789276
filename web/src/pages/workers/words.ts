// What is known of a worker, in words and in order.
import type { WorkerRow } from "../../api/types";

/** What stands between a job and the machine. */
export function isolationWords(worker: Pick<WorkerRow, "confinement">): { name: string; means: string } {
  switch (worker.confinement.isolation) {
    case "sandbox":
      return {
        name: "sandbox",
        means: "Each job sees only its own directory and is a user that owns nothing.",
      };
    case "rootless_sandbox":
      return {
        name: "sandbox, made without root",
        means: "The same view and filter; on disk a job is the worker's user.",
      };
    default:
      return { name: "no sandbox", means: "A job can do whatever the worker's user can." };
  }
}

/** What holds a job to its share. */
export function limitsWords(worker: Pick<WorkerRow, "confinement">): { name: string; means: string } {
  switch (worker.confinement.limits) {
    case "cgroup2":
    case "cgroup1":
      return {
        name: `limits of whole jobs (${worker.confinement.limits === "cgroup2" ? "cgroup 2" : "cgroup 1"})`,
        means: "Memory, processes and processor share are those of a job as a whole.",
      };
    default:
      return {
        name: "limits of single processes",
        means: "Several processes of one job may together use more than it was granted.",
      };
  }
}

/** Those in contact first, by name; then those that ended, the last one first. */
export function ordered(workers: readonly WorkerRow[]): WorkerRow[] {
  return [...workers].sort((a, b) => {
    if (a.connected !== b.connected) return a.connected ? -1 : 1;
    if (!a.connected && a.last_seen !== b.last_seen) return b.last_seen - a.last_seen;
    return a.name.localeCompare(b.name, "en", { numeric: true }) || a.worker - b.worker;
  });
}

/** What those in contact offer together. */
export function offered(workers: readonly WorkerRow[]): { workers: number; units: number; running: number } {
  const there = workers.filter((worker) => worker.connected);
  return {
    workers: there.length,
    units: there.reduce((sum, worker) => sum + worker.compute_units, 0),
    running: there.reduce((sum, worker) => sum + worker.running, 0),
  };
}
