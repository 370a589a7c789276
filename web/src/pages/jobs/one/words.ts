// A job's verdict and state in sentences.
import type { Failure, JobInfo } from "../../../api/types";
import { bytes, count, duration } from "../../../ui/format";

type Verdict = Failure["verdict"];

const LIMITS: Record<string, string> = {
  processes: "processes and threads",
  open_files: "open files",
  disk: "disk space",
  files: "files",
};

function cores(count: number): string {
  return count === 1 ? "one core" : `${count} cores`;
}

/** Why a job did not end with a result, in a sentence. */
export function verdictWords(verdict: Verdict): string {
  switch (verdict.kind) {
    case "raised":
      return "The function raised an exception.";
    case "not_loaded":
      return verdict.module
        ? `The function could not be loaded: there is no module ${verdict.module}.`
        : "The function or its arguments could not be loaded.";
    case "result_not_pickled":
      return verdict.path
        ? `The result could not be sent: ${verdict.path} cannot be pickled.`
        : "The result could not be pickled.";
    case "result_too_big":
      return `The result has ${bytes(verdict.size_bytes)}, more than the ${bytes(verdict.limit_bytes)} that are allowed.`;
    case "exited":
      return `The process ended itself with code ${verdict.code}.`;
    case "signalled":
      return `The process was ended by signal ${verdict.signal} (${verdict.name}).`;
    case "disconnected":
      return "The process closed its line to the worker.";
    case "killed":
      return "It was killed.";
    case "time_limit":
      return `It ran longer than the ${duration(verdict.limit_ms / 1000)} it was given.`;
    case "out_of_memory": {
      const fits = verdict.fits
        ? ` It would have fitted into ${cores(verdict.fits.cores)} of type ${verdict.fits.core_type}.`
        : "";
      return `It needed more memory than the ${bytes(verdict.limit_bytes)} it was given; the most seen was ${bytes(verdict.peak_bytes)}.${fits}`;
    }
    case "limit_reached": {
      const isBytes = verdict.limit === "disk";
      const value = isBytes ? bytes(verdict.value) : count(verdict.value);
      return `It reached the limit of ${LIMITS[verdict.limit] ?? verdict.limit}: ${value}.`;
    }
    case "worker_lost":
      return "Its worker was lost, and it may not be started again.";
    case "dependency_failed":
      return `It never ran, because job ${verdict.jid} failed, which it depends on.`;
    case "could_not_start":
      return `It could not be started: ${verdict.reason}`;
    default:
      return "It did not end with a result.";
  }
}

/** What supports the verdict, as facts to look at. */
export function evidence(verdict: Verdict): [string, string][] {
  switch (verdict.kind) {
    case "out_of_memory":
      return [
        ["Memory limit", bytes(verdict.limit_bytes)],
        ["Most memory seen", bytes(verdict.peak_bytes)],
        ["MemAlloc fails", count(verdict.failures)],
      ];
    case "limit_reached": {
      const say = verdict.limit === "disk" ? bytes : count;
      return [
        ["Limit", say(verdict.value)],
        [
          "In use when noticed",
          verdict.used === null || verdict.used === undefined ? "not known" : say(verdict.used),
        ],
      ];
    }
    case "signalled":
      return [["Signal", `${verdict.signal} (${verdict.name})`]];
    case "exited":
      return [["Exit code", String(verdict.code)]];
    case "time_limit":
      return [["Time limit", duration(verdict.limit_ms / 1000)]];
    case "result_too_big":
      return [
        ["Size of the result", bytes(verdict.size_bytes)],
        ["Limit", bytes(verdict.limit_bytes)],
      ];
    default:
      return [];
  }
}

/** The last line of a traceback that says something, and what comes before it. */
export function lastLine(exception: string): { before: string; last: string } {
  const text = exception.trimEnd();
  const lines = text.split("\n");
  // The message may have several lines; the exception begins at the last one that is not indented.
  let at = lines.length - 1;
  while (at > 0 && /^(\s|$)/.test(lines[at] as string)) at -= 1;
  return { before: lines.slice(0, at).join("\n"), last: lines.slice(at).join("\n") };
}

/** How a job is kept apart from the machine. */
export function confinementWords(confinement: NonNullable<JobInfo["confinement"]>): string {
  const isolation = {
    sandbox: "sandbox",
    rootless_sandbox: "sandbox without root",
    process: "a process only, no sandbox",
  }[confinement.isolation ?? "process"];
  const limits = {
    cgroup2: "limits by cgroup 2",
    cgroup1: "limits by cgroup 1",
    process: "limits by process",
  }[confinement.limits ?? "process"];
  return `${isolation}, ${limits}`;
}

/** Ids of a set such as `1-4,7`, at most so many, and how many there are in all. */
export function idsOf(set: string, most: number): { ids: number[]; total: number } {
  const ids: number[] = [];
  let total = 0;
  for (const part of set.split(",")) {
    const [first, last = first] = part.split("-").map(Number);
    if (first === undefined || last === undefined || !Number.isSafeInteger(first) || !(last >= first))
      continue;
    if (part === "") continue;
    total += last - first + 1;
    for (let jid = first; jid <= last && ids.length < most; jid += 1) ids.push(jid);
  }
  return { ids, total };
}
