// How a function did over its last calls: how long they took, and how many failed, over the time they span.

/** What is looked at of each call. Times are milliseconds since 1970. */
export interface Call {
  status: string;
  created: number;
  started?: number | null;
  finished?: number | null;
}

export interface Buckets {
  /** Middles of equal spans of time, in seconds since 1970. */
  x: number[];
  /** Seconds from the call to its end: of the middle call, and what 95 of 100 stay below. */
  median: (number | null)[];
  slow: (number | null)[];
  /** Calls that ended well, and the others. */
  done: number[];
  failed: number[];
}

export interface Summary {
  ended: number;
  failed: number;
  median: number | undefined;
  slow: number | undefined;
  /** Seconds that the middle call waited until it started. */
  waited: number | undefined;
}

const FAILED: ReadonlySet<string> = new Set(["error", "killed", "stalled"]);

/** What so large a part of the values, which are sorted, does not exceed. */
export function quantile(sorted: readonly number[], part: number): number | undefined {
  if (sorted.length === 0) return undefined;
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(part * sorted.length) - 1))];
}

function took(calls: readonly Call[]): number[] {
  return calls
    .filter((call) => call.finished !== null && call.finished !== undefined)
    .map((call) => Math.max(0, (call.finished as number) - call.created) / 1000)
    .sort((a, b) => a - b);
}

export function hasFailed(call: Call): boolean {
  return FAILED.has(call.status);
}

function hasEnded(call: Call): boolean {
  return call.status === "done" || hasFailed(call);
}

export function summary(calls: readonly Call[]): Summary {
  const ended = calls.filter(hasEnded);
  const times = took(ended);
  const waited = calls
    .filter((call) => call.started !== null && call.started !== undefined)
    .map((call) => Math.max(0, (call.started as number) - call.created) / 1000)
    .sort((a, b) => a - b);
  return {
    ended: ended.length,
    failed: ended.filter(hasFailed).length,
    median: quantile(times, 0.5),
    slow: quantile(times, 0.95),
    waited: quantile(waited, 0.5),
  };
}

/** The calls by when they were made, in `most` spans or fewer; none of less than a second. */
export function buckets(calls: readonly Call[], most: number): Buckets {
  const found: Buckets = { x: [], median: [], slow: [], done: [], failed: [] };
  const ended = calls.filter(hasEnded);
  if (ended.length === 0) return found;
  const times = ended.map((call) => call.created);
  const first = Math.min(...times);
  const last = Math.max(...times);
  const width = Math.max(1000, Math.ceil((last - first + 1) / most));
  const count = Math.floor((last - first) / width) + 1;
  const spans: Call[][] = Array.from({ length: count }, () => []);
  for (const call of ended) spans[Math.floor((call.created - first) / width)]?.push(call);
  spans.forEach((span, at) => {
    const sorted = took(span);
    const failed = span.filter(hasFailed).length;
    found.x.push((first + (at + 0.5) * width) / 1000);
    found.median.push(quantile(sorted, 0.5) ?? null);
    found.slow.push(quantile(sorted, 0.95) ?? null);
    found.done.push(span.length - failed);
    found.failed.push(failed);
  });
  return found;
}
