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

/** `2026-11-26 17:48:38.120 UTC`. */
export function utc(ms: number): string {
  return new Date(ms).toISOString().replace("T", " ").replace("Z", " UTC");
}

/** Milliseconds since 1970 as a local time. `long` shows the year as well. */
export function Time({ at, long = false }: { at: number | null | undefined; long?: boolean }) {
  if (at === null || at === undefined) return <span class="soft">–</span>;
  const date = new Date(at);
  return (
    <time dateTime={date.toISOString()} title={utc(at)}>
      {(long ? LONG : SHORT).format(date)}
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
