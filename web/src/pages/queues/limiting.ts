// Which stage holds a pipeline up.
import type { QueueInfo } from "../../api/types";
import { duration } from "../../ui/format";

export interface Limiting {
  queue: string;
  /** Why, in a sentence. */
  because: string;
}

/** So many messages that wait are no backlog yet. */
const WAITING_LEAST = 20;
/** A backlog that is drained sooner is none. */
const DRAIN_LEAST_S = 10;

/**
 * The stage that limits: its jobs are as many as they may be, and its backlog grows; of several the one that grows
 * fastest. Where none grows, the one whose backlog takes longest to drain.
 */
export function limiting(queues: readonly QueueInfo[]): Limiting | undefined {
  const stages = queues.filter(isAtItsMost);
  const growing = best(
    stages.filter((queue) => growth(queue) > 0.05 * queue.enqueued_per_s),
    growth,
  );
  if (growing) {
    const rate = growth(growing);
    return {
      queue: growing.name,
      because: `${jobs(growing)}, and its backlog grows by ${rate >= 10 ? rate.toFixed(0) : rate.toFixed(1)} a second.`,
    };
  }
  const slow = best(
    stages.filter((queue) => drain(queue) >= DRAIN_LEAST_S),
    drain,
  );
  if (!slow) return undefined;
  const seconds = drain(slow);
  const time = Number.isFinite(seconds) ? ` takes ${duration(seconds)} to drain` : " does not get smaller";
  return { queue: slow.name, because: `${jobs(slow)}, and its backlog${time}.` };
}

function jobs(queue: QueueInfo): string {
  const most = queue.attachment?.max_parallel_jobs ?? 0;
  return most === 1 ? "Its one job is busy" : `All of its ${most} jobs are busy`;
}

function isAtItsMost(queue: QueueInfo): boolean {
  const attached = queue.attachment;
  if (!attached || queue.paused || attached.max_parallel_jobs === 0) return false;
  return attached.jobs >= attached.max_parallel_jobs && waiting(queue) >= WAITING_LEAST;
}

function waiting(queue: QueueInfo): number {
  return queue.count - queue.in_flight - queue.delayed;
}

function growth(queue: QueueInfo): number {
  return queue.enqueued_per_s - queue.dequeued_per_s;
}

function drain(queue: QueueInfo): number {
  if (queue.time_to_drain_s !== null && queue.time_to_drain_s !== undefined) return queue.time_to_drain_s;
  return queue.dequeued_per_s > 0 ? waiting(queue) / queue.dequeued_per_s : Number.POSITIVE_INFINITY;
}

function best(queues: readonly QueueInfo[], figure: (queue: QueueInfo) => number): QueueInfo | undefined {
  let found: QueueInfo | undefined;
  for (const queue of queues) if (!found || figure(queue) > figure(found)) found = queue;
  return found;
}
