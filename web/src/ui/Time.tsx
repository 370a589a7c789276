// Points in time in the viewer's zone, with UTC on hover and for screen readers' sake as a real <time>.
import { useEffect, useState } from "preact/hooks";
import { duration } from "./format";

const SHORT = new Intl.DateTimeFormat(undefined, {
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const LONG = new Intl.DateTimeFormat(undefined, {
  dateStyle: "medium",
  timeStyle: "medium",
  hourCycle: "h23",
});

const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const DAY = new Intl.DateTimeFormat(undefined, {
  month: "short",
  day: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});
/** A year and more ago the hour is of no interest. */
const OLD = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

/** Short: the clock of today, the day and minute before, and the date of other years. */
function brieflyLocal(date: Date, now: Date): string {
  if (date.getFullYear() !== now.getFullYear()) return OLD.format(date);
  const today = date.getMonth() === now.getMonth() && date.getDate() === now.getDate();
  return (today ? CLOCK : DAY).format(date);
}

/** `2026-11-26 17:48:38.120 UTC`. */
export function utc(ms: number): string {
  return new Date(ms).toISOString().replace("T", " ").replace("Z", " UTC");
}

/** As `Time` shows it with `long`, for places where there can only be text. */
export function localTime(at: number): string {
  return LONG.format(new Date(at));
}

/** Milliseconds since 1970 as a local time. `long` shows the year as well, `brief` no more than is needed. */
export function Time({
  at,
  long = false,
  brief = false,
}: {
  at: number | null | undefined;
  long?: boolean;
  brief?: boolean;
}) {
  if (at === null || at === undefined) return <span class="soft">–</span>;
  const date = new Date(at);
  return (
    <time dateTime={date.toISOString()} title={utc(at)}>
      {brief ? brieflyLocal(date, new Date()) : (long ? LONG : SHORT).format(date)}
    </time>
  );
}

/** Time since `from`, counting on once a second. */
export function Since({ from }: { from: number }) {
  const now = useSecond();
  return <span title={utc(from)}>{duration(Math.max(0, now - from) / 1000)}</span>;
}

const ticking = new Set<(now: number) => void>();
let clock: number | undefined;

/** The time of day, new every second; one clock for the whole page. */
export function useSecond(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    ticking.add(setNow);
    clock ??= window.setInterval(() => {
      for (const tick of ticking) tick(Date.now());
    }, 1000);
    return () => {
      ticking.delete(setNow);
      if (ticking.size === 0) {
        window.clearInterval(clock);
        clock = undefined;
      }
    };
  }, []);
  return now;
}
