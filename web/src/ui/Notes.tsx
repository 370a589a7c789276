// What is said to people: errors in place, and short notes that pass.
import { useEffect, useState } from "preact/hooks";
import { Refusal } from "../api/http";

/** An error with what can be done about it. */
export function ErrorNote({ error }: { error: Error }) {
  return (
    <div class="error-note" role="alert">
      <p>{error.message}</p>
      {error instanceof Refusal && error.hint ? <p class="small">{error.hint}</p> : null}
    </div>
  );
}

interface Toast {
  id: number;
  text: string;
  bad: boolean;
}

let next = 0;
let toasts: readonly Toast[] = [];
let shown: ((toasts: readonly Toast[]) => void) | undefined;

function set(now: readonly Toast[]): void {
  toasts = now;
  shown?.(now);
}

/** Says something that passes: what worked for five seconds, what failed for twelve. */
export function say(text: string, bad = false): void {
  const id = next++;
  set([...toasts, { id, text, bad }].slice(-4));
  window.setTimeout(() => set(toasts.filter((toast) => toast.id !== id)), bad ? 12_000 : 5_000);
}

/** Says what went wrong. */
export function sayError(error: unknown): void {
  const hint = error instanceof Refusal && error.hint ? ` – ${error.hint}` : "";
  say(`${error instanceof Error ? error.message : String(error)}${hint}`, true);
}

export function Toasts() {
  const [list, setList] = useState(toasts);
  useEffect(() => {
    shown = setList;
    return () => {
      shown = undefined;
    };
  }, []);
  return (
    <div class="toasts" role="status">
      {list.map((toast) => (
        <div key={toast.id} class={toast.bad ? "toast bad" : "toast"}>
          {toast.text}
        </div>
      ))}
    </div>
  );
}
