// Data that keeps itself current: asked for at once, and again after hints, never more than a few times a second.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { onChange, onConnection, type Topic } from "./changes";

export interface Live<T> {
  /** What came last; stays while it is asked for again. */
  data: T | undefined;
  error: Error | undefined;
  /** The first answer is still to come. */
  loading: boolean;
  /** Ask again now. */
  refresh: () => void;
}

const EVERY_MS = 300;

/**
 * Keeps what `ask` returns. `key` says what it depends on: another key is another question, whose answer
 * replaces the old one only when it is there. Nothing is asked while the page is hidden.
 */
export function useLive<T>(
  key: string,
  topics: readonly Topic[],
  ask: (signal: AbortSignal) => Promise<T>,
): Live<T> {
  const [state, setState] = useState<{ key: string; data: T | undefined; error: Error | undefined }>({
    key,
    data: undefined,
    error: undefined,
  });
  const asking = useRef(ask);
  asking.current = ask;
  const again = useRef<() => void>(() => undefined);

  // The topics are a list written in place by the caller; its content is what counts.
  const about = topics.join(",");
  useEffect(() => {
    const stop = new AbortController();
    let busy = false;
    let wanted = false;
    let last = 0;
    let timer: number | undefined;

    const run = async () => {
      timer = undefined;
      if (busy) {
        wanted = true;
        return;
      }
      busy = true;
      wanted = false;
      last = performance.now();
      try {
        const found = await asking.current(stop.signal);
        if (!stop.signal.aborted) setState({ key, data: found, error: undefined });
      } catch (error) {
        if (stop.signal.aborted) return;
        setState((before) => ({
          key,
          data: before.key === key ? before.data : undefined,
          error: error as Error,
        }));
      } finally {
        busy = false;
      }
      if (wanted && !stop.signal.aborted) soon();
    };
    const soon = () => {
      if (timer !== undefined || stop.signal.aborted) return;
      if (document.hidden) {
        wanted = true;
        return;
      }
      timer = window.setTimeout(run, Math.max(0, last + EVERY_MS - performance.now()));
    };
    const shown = () => {
      if (!document.hidden && wanted) soon();
    };

    again.current = soon;
    const leave = (about === "" ? [] : (about.split(",") as Topic[])).map((topic) => onChange(topic, soon));
    leave.push(onConnection((connected) => connected && last > 0 && soon()));
    document.addEventListener("visibilitychange", shown);
    void run();
    return () => {
      stop.abort();
      window.clearTimeout(timer);
      document.removeEventListener("visibilitychange", shown);
      for (const off of leave) off();
    };
  }, [key, about]);

  const refresh = useCallback(() => again.current(), []);
  const fits = state.key === key;
  return {
    data: state.data,
    error: fits ? state.error : undefined,
    loading: state.data === undefined && !(fits && state.error),
    refresh,
  };
}
