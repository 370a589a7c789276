// Days, all of them in UTC as the server counts them.

export const PERIODS = [
  { name: "7d", title: "Last 7 days" },
  { name: "30d", title: "Last 30 days" },
  { name: "90d", title: "Last 90 days" },
  { name: "month", title: "This month" },
  { name: "last-month", title: "Last month" },
  { name: "own", title: "From … to …" },
] as const;
export type PeriodName = (typeof PERIODS)[number]["name"];

export interface Period {
  from: string;
  to: string;
}

const DAY_MS = 86_400_000;
/** Bars that can be told apart; a longer time is shown by weeks. */
const BARS_MAX = 100;

/** `2026-11-26`. */
export function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** Whether it is a day that there is. */
export function isDay(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false;
  const ms = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(ms) && day(ms) === text;
}

/** The first and last day of a period, both included. */
export function periodOf(name: string, now: number, own: Partial<Period> = {}): Period {
  const today = day(now);
  const date = new Date(now);
  const month = (ahead: number) => Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + ahead, 1);
  switch (name) {
    case "7d":
      return { from: day(now - 6 * DAY_MS), to: today };
    case "90d":
      return { from: day(now - 89 * DAY_MS), to: today };
    case "month":
      return { from: day(month(0)), to: today };
    case "last-month":
      return { from: day(month(-1)), to: day(month(0) - DAY_MS) };
    case "own": {
      const from = own.from && isDay(own.from) ? own.from : day(now - 29 * DAY_MS);
      const to = own.to && isDay(own.to) ? own.to : today;
      return from <= to ? { from, to } : { from: to, to: from };
    }
    default:
      return { from: day(now - 29 * DAY_MS), to: today };
  }
}

/** Every day of a period, or the first days of its weeks where there are too many to be told apart. */
export function bins(period: Period): { starts: string[]; days: number } {
  const first = Date.parse(`${period.from}T00:00:00Z`);
  const last = Date.parse(`${period.to}T00:00:00Z`);
  const all = Math.round((last - first) / DAY_MS) + 1;
  const days = all <= BARS_MAX ? 1 : 7 * Math.ceil(all / 7 / BARS_MAX);
  const starts = [];
  for (let at = first; at <= last; at += days * DAY_MS) starts.push(day(at));
  return { starts, days };
}

/** Sums by day put into the bins they belong to, so that a day without anything is a gap and not missing. */
export function binned(
  rows: readonly { day: string; value: number }[],
  period: Period,
): { start: string; value: number }[] {
  const { starts, days } = bins(period);
  const first = Date.parse(`${period.from}T00:00:00Z`);
  const sums = starts.map((start) => ({ start, value: 0 }));
  for (const row of rows) {
    const bin = sums[Math.floor((Date.parse(`${row.day}T00:00:00Z`) - first) / DAY_MS / days)];
    if (bin) bin.value += row.value;
  }
  return sums;
}
