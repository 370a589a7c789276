// Keyboard shortcuts of the whole page. Nothing is taken while somebody types, or with a modifier.
import { useEffect, useRef } from "preact/hooks";

export interface Shortcut {
  /** One key, or two after each other with a space: `g j`. */
  keys: string;
  /** In the list under `?`. */
  says: string;
  act: () => void;
}

const shortcuts = new Set<Shortcut>();
let first: { key: string; at: number } | undefined;
const PATIENCE_MS = 1_000;

function typing(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    target.closest("input:not([type='checkbox'], [type='radio']), textarea, select, [contenteditable]") !==
      null
  );
}

/** Enter and space belong to what has the focus, if that can be pressed. */
function pressing(event: KeyboardEvent): boolean {
  if (event.key !== "Enter" && event.key !== " ") return false;
  return event.target instanceof Element && event.target.closest("a[href], button, summary") !== null;
}

document.addEventListener("keydown", (event) => {
  if (pressing(event)) return;
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || typing(event.target))
    return;
  // A dialog has the keyboard to itself.
  if (document.querySelector("dialog[open]")) return;
  const both = first && event.timeStamp - first.at < PATIENCE_MS ? `${first.key} ${event.key}` : undefined;
  first = { key: event.key, at: event.timeStamp };
  // The newest first: what a page says wins over what the frame says.
  const known = [...shortcuts].reverse();
  const found = known.find((one) => one.keys === both) ?? known.find((one) => one.keys === event.key);
  if (!found) return;
  first = undefined;
  event.preventDefault();
  found.act();
});

/** Shortcuts that hold while the component is shown. */
export function useShortcuts(list: readonly Shortcut[]): void {
  const current = useRef(list);
  current.current = list;
  const names = list.map((one) => `${one.keys}\u0000${one.says}`).join("\u0001");
  useEffect(() => {
    const added = current.current.map((one, index) => ({ ...one, act: () => current.current[index]?.act() }));
    if (names === "") return undefined;
    for (const one of added) shortcuts.add(one);
    return () => {
      for (const one of added) shortcuts.delete(one);
    };
  }, [names]);
}

/** What holds now, for the list under `?`; of two for the same keys the one that wins. */
export function shortcutsNow(): Shortcut[] {
  return [...new Map([...shortcuts].map((one) => [one.keys, one])).values()];
}
