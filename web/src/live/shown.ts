// Hidden pages hold no connection of their own: browsers open six to a server, for all its pages together.

/** Waits until somebody looks at the page, or until it is over. */
export function shown(signal: AbortSignal): Promise<void> {
  if (!document.hidden || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    document.addEventListener("visibilitychange", done);
    signal.addEventListener("abort", done);
  });
}

/** A signal for one connection: over when the page is hidden, or with the signal it comes from. */
export function whileShown(signal: AbortSignal): { signal: AbortSignal; done: () => void } {
  const stop = new AbortController();
  const hidden = () => {
    if (document.hidden) stop.abort();
  };
  const over = () => stop.abort();
  document.addEventListener("visibilitychange", hidden);
  signal.addEventListener("abort", over);
  if (signal.aborted) stop.abort();
  const done = () => {
    document.removeEventListener("visibilitychange", hidden);
    signal.removeEventListener("abort", over);
  };
  return { signal: stop.signal, done };
}

/** Waits so long, or until it is over. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      window.clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = window.setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
