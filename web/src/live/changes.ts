// Hints that something changed: one event stream for the whole page. A hint says what to ask again, never what to show.

export type Topic = "jobs" | "queues" | "workers";
const TOPICS: readonly Topic[] = ["jobs", "queues", "workers"];

type Listener = () => void;
const listeners = new Map<Topic, Set<Listener>>(TOPICS.map((topic) => [topic, new Set()]));
const watchers = new Set<(connected: boolean) => void>();

let source: EventSource | undefined;
let connected = false;
let retry: number | undefined;
let wait = 500;
const WAIT_MAX_MS = 10_000;
/** The server says something every 15 s. A connection that is silent for longer is dead, though nobody said so. */
const SILENCE_MS = 40_000;
let silence: number | undefined;

function tell(now: boolean): void {
  if (now === connected) return;
  connected = now;
  for (const watcher of watchers) watcher(now);
}

function open(): void {
  const opened = new EventSource("/v1/changes");
  source = opened;
  const lost = () => {
    opened.close();
    if (source !== opened) return;
    window.clearTimeout(silence);
    tell(false);
    retry = window.setTimeout(open, wait);
    wait = Math.min(wait * 2, WAIT_MAX_MS);
  };
  const heard = () => {
    window.clearTimeout(silence);
    silence = window.setTimeout(lost, SILENCE_MS);
  };
  heard();
  opened.onopen = () => {
    wait = 500;
    heard();
    tell(true);
  };
  for (const topic of TOPICS) {
    opened.addEventListener(topic, () => {
      heard();
      for (const listener of listeners.get(topic) ?? []) listener();
    });
  }
  // A browser gives up for good on some failures, such as a proxy's 502; so each one is started over here.
  opened.onerror = lost;
}

/** A page that nobody sees lets go of its connection after this long: a browser has few of them for one server. */
const HIDDEN_MS = 5_000;
let wanted = false;
let hidden: number | undefined;

function close(): void {
  window.clearTimeout(retry);
  window.clearTimeout(silence);
  source?.close();
  source = undefined;
}

document.addEventListener("visibilitychange", () => {
  window.clearTimeout(hidden);
  if (document.hidden) hidden = window.setTimeout(close, HIDDEN_MS);
  // The first hints of the new connection bring everything up to date.
  else if (wanted && !source) open();
});

/** Begins to listen; called once somebody is signed in. */
export function startChanges(): void {
  stopChanges();
  wanted = true;
  open();
}

export function stopChanges(): void {
  wanted = false;
  window.clearTimeout(hidden);
  close();
  tell(false);
}

/** Calls `listener` at every hint about `topic`, until the returned function is called. */
export function onChange(topic: Topic, listener: Listener): () => void {
  listeners.get(topic)?.add(listener);
  return () => listeners.get(topic)?.delete(listener);
}

/** Calls `watcher` when the connection comes and goes. */
export function onConnection(watcher: (connected: boolean) => void): () => void {
  watchers.add(watcher);
  watcher(connected);
  return () => watchers.delete(watcher);
}
