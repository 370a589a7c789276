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

const DECIMALS = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });

/** `8 compute units`. */
export function units(value: number): string {
  return value === 1 ? "1 compute unit" : `${DECIMALS.format(value)} compute units`;
}

/** What those in contact offer together, in a sentence. */
export function offerWords(workers: readonly WorkerRow[]): string {
  const there = workers.filter((worker) => worker.connected);
  const sum = there.reduce((total, worker) => total + worker.compute_units, 0);
  const running = there.reduce((total, worker) => total + worker.running, 0);
  const jobs = running === 0 ? "no job" : running === 1 ? "one job" : `${DECIMALS.format(running)} jobs`;
  if (there.length === 0) return "No worker is connected, so no job can run.";
  if (there.length === 1) return `One worker offers ${units(sum)} and runs ${jobs}.`;
  return `${there.length} workers offer ${units(sum)} and run ${jobs}.`;
}

/** `3.9` before `3.10`. */
export function pythonsInOrder(versions: readonly string[]): string[] {
  return [...versions].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
}
