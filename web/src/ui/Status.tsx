// A job's status: a sign, a word and a colour, so that none of them is needed alone.
import type { ComponentChildren } from "preact";

const SIGNS: Record<string, ComponentChildren> = {
  waiting: <path d="M4 2v8M8 2v8" />,
  queued: <circle cx="6" cy="6" r="4" />,
  processing: <path d="M3 2l7 4-7 4z" fill="currentColor" />,
  done: <path d="M2 6.5l2.7 2.8L10 3.2" />,
  error: <path d="M2.5 2.5l7 7M9.5 2.5l-7 7" />,
  killed: <rect x="2.5" y="2.5" width="7" height="7" fill="currentColor" />,
  stalled: <path d="M2 6h8" />,
};

export function Status({ status }: { status: string }) {
  return (
    <span class={`status ${status in SIGNS ? status : "waiting"}`}>
      <svg viewBox="0 0 12 12" fill="none" stroke="currentColor" stroke-width="1.8" aria-hidden="true">
        {SIGNS[status]}
      </svg>
      {status}
    </span>
  );
}
