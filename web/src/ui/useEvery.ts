// For what no hint tells of: asks again now and then.
import { useEffect, useRef } from "preact/hooks";

/** Calls `act` every so many milliseconds while the component is shown. */
export function useEvery(ms: number, act: () => void): void {
  const current = useRef(act);
  current.current = act;
  useEffect(() => {
    const timer = window.setInterval(() => current.current(), ms);
    return () => window.clearInterval(timer);
  }, [ms]);
}
