// A beat for what no hint tells of: figures of a job while it runs.
import { useEffect, useRef, useState } from "preact/hooks";

/** Counts up every `ms` while it is given and the page is looked at. */
export function useTicks(ms: number | undefined): number {
  const [count, setCount] = useState(0);
  useEffect(() => {
    if (ms === undefined) return undefined;
    const timer = window.setInterval(() => {
      if (!document.hidden) setCount((n) => n + 1);
    }, ms);
    return () => window.clearInterval(timer);
  }, [ms]);
  return count;
}

/** Calls `act` at every beat but the first. */
export function useBeat(beat: number, act: () => void): void {
  const before = useRef(beat);
  useEffect(() => {
    if (before.current === beat) return;
    before.current = beat;
    act();
  }, [beat, act]);
}
