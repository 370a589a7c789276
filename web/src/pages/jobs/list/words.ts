// What the list says about maps and itself.
import { STATUSES } from "../../../api/types";
import { count, duration } from "../../../ui/format";

export interface Share {
  status: string;
  count: number;
  /** Of the bar, in percent. */
  width: number;
}

/** Narrowest piece of a bar, so that one failure among a million is seen. */
const LEAST = 3;

/** The pieces of a map's bar, in the order of statuses. They fill it. */
export function shares(statuses: Record<string, number>): Share[] {
  const there = STATUSES.flatMap((status) => {
    const found = statuses[status] ?? 0;
    return found > 0 ? [{ status, count: found }] : [];
  });
  const total = there.reduce((sum, share) => sum + share.count, 0);
  const raised = there.map((share) => ({ ...share, width: Math.max(LEAST, (100 * share.count) / total) }));
  const sum = raised.reduce((all, share) => all + share.width, 0);
  return raised.map((share) => ({ ...share, width: (100 * share.width) / sum }));
}

/** `9,120 done, 12 error`. */
export function inWords(statuses: Record<string, number>): string {
  return shares(statuses)
    .map((share) => `${count(share.count)} ${share.status}`)
    .join(", ");
}

/** `1 job`, `1,200 jobs`. */
export function jobs(number: number): string {
  return number === 1 ? "1 job" : `${count(number)} jobs`;
}

/** Processor time in user mode and in the kernel. */
export function cpu(user_ms: number | null | undefined, system_ms: number | null | undefined): string {
  if (user_ms == null && system_ms == null) return "–";
  return `${duration((user_ms ?? 0) / 1e3)} / ${duration((system_ms ?? 0) / 1e3)}`;
}

/** How many new jobs there are; a full page says that there may be more. */
export function newJobs(number: number): string {
  if (number >= 100) return "100 or more new jobs";
  return number === 1 ? "1 new job" : `${number} new jobs`;
}
