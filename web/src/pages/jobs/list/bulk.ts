// Killing and deleting many jobs. First it is found out which of them can be, so that nothing is promised that does
// not happen; then it is done in parts, and how far it came is known at every moment.
import { Refusal } from "../../../api/refusal";
import { UNFINISHED } from "../../../api/types";
import { jidSet, mergedRanges, parsedJidSet, parts, type Range, sizeOf } from "./jidset";

/** What is needed of the API. */
export interface BulkApi {
  /** Refuses with status 404 when one of the jobs is not there. */
  statuses: (jids: string) => Promise<readonly { jids: string; status: string }[]>;
  /** The newest jobs below an id. */
  list: (
    before: number,
  ) => Promise<{ jobs: readonly { jid: number; status: string }[]; next?: number | null }>;
  /** Both answer how many jobs it was done to. */
  kill: (jids: string) => Promise<number>;
  remove: (jids: string) => Promise<number>;
}

export type Verb = "kill" | "delete";

/** Most ids in one request. */
export const PART = 10_000;

export interface Found {
  unfinished: Range[];
  finished: Range[];
  /** Jobs that are not there, such as deleted ones or those of a map that is still being sent. */
  gone: number;
}

/** Which of the jobs have ended. `progress` hears how many were looked at. */
export async function find(
  api: BulkApi,
  ranges: readonly Range[],
  progress: (looked: number) => void,
  signal: AbortSignal,
): Promise<Found> {
  const unfinished: Range[] = [];
  const finished: Range[] = [];
  const take = (range: Range, status: string) => (UNFINISHED.has(status) ? unfinished : finished).push(range);
  let looked = 0;
  for (const part of parts(ranges, PART)) {
    await look(api, part, take, signal);
    looked += sizeOf(part);
    progress(looked);
  }
  const found = { unfinished: mergedRanges(unfinished), finished: mergedRanges(finished) };
  return { ...found, gone: looked - sizeOf(found.unfinished) - sizeOf(found.finished) };
}

/** A part with missing jobs is read from the list where it is dense, and halved where it is not. */
const DENSE = 20;

async function look(
  api: BulkApi,
  part: readonly Range[],
  take: (range: Range, status: string) => void,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  try {
    for (const run of await api.statuses(jidSet(part)))
      for (const range of parsedJidSet(run.jids)) take(range, run.status);
    return;
  } catch (error) {
    if (!(error instanceof Refusal && error.status === 404)) throw error;
  }
  const size = sizeOf(part);
  if (size === 1) return;
  const low = part[0]?.first ?? 0;
  const high = part.at(-1)?.last ?? 0;
  if (high - low < size * DENSE) {
    await walk(api, part, low, high, take, signal);
    return;
  }
  for (const half of parts(part, Math.ceil(size / 2))) await look(api, half, take, signal);
}

async function walk(
  api: BulkApi,
  part: readonly Range[],
  low: number,
  high: number,
  take: (range: Range, status: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let before: number | null = high + 1;
  while (before !== null && before > low) {
    signal.throwIfAborted();
    const page = await api.list(before);
    for (const { jid, status } of page.jobs)
      if (part.some(({ first, last }) => first <= jid && jid <= last))
        take({ first: jid, last: jid }, status);
    before = page.next ?? null;
  }
}

/** How far an action came. */
export interface Outcome {
  /** Jobs it was done to, and jobs of all parts that were sent. */
  done: number;
  sent: number;
  error: Error | undefined;
}

/** Acts on the jobs part by part, and stops at the first refusal. */
export async function act(
  api: BulkApi,
  verb: Verb,
  ranges: readonly Range[],
  progress: (sent: number) => void,
): Promise<Outcome> {
  let done = 0;
  let sent = 0;
  for (const part of parts(ranges, PART)) {
    try {
      done += await (verb === "kill" ? api.kill(jidSet(part)) : api.remove(jidSet(part)));
    } catch (error) {
      return { done, sent, error: error as Error };
    }
    sent += sizeOf(part);
    progress(sent);
  }
  return { done, sent, error: undefined };
}
