// Windows of ten seconds as lines of a chart.
import type { paths } from "../../api/schema";

export type Rates =
  paths["/v1/queues/{queue}/rates"]["get"]["responses"]["200"]["content"]["application/json"];

export interface RateLines {
  /** Seconds since 1970 at which windows begin. */
  x: number[];
  enqueued: number[];
  dequeued: number[];
  failed: number[];
}

/** Most windows of a chart: a day of them. */
const WINDOWS_MOST = 8_640;

/**
 * Every window between two moments, those without events as zeros; several versions of a handler are one line.
 * The window that is under way is left out: it would always look like a fall.
 */
export function rateLines(rates: Rates, fromMs: number, untilMs: number): RateLines {
  const step = Math.max(1, rates.window_s) * 1000;
  const begin = Math.ceil(fromMs / step) * step;
  const end = Math.floor(untilMs / step) * step;
  const count = Math.min(WINDOWS_MOST, Math.max(0, Math.round((end - begin) / step)));
  const zeros = () => new Array<number>(count).fill(0);
  const lines: RateLines = { x: zeros(), enqueued: zeros(), dequeued: zeros(), failed: zeros() };
  for (let at = 0; at < count; at += 1) lines.x[at] = (begin + at * step) / 1000;
  const per = 1000 / step;
  for (const window of rates.windows) {
    const at = Math.round((window.start - begin) / step);
    if (at < 0 || at >= count) continue;
    lines.enqueued[at] = (lines.enqueued[at] ?? 0) + window.enqueued * per;
    lines.dequeued[at] = (lines.dequeued[at] ?? 0) + window.dequeued * per;
    lines.failed[at] = (lines.failed[at] ?? 0) + window.failed * per;
  }
  return lines;
}
