// Moves the focus to the heading of a page that was gone to, so that screen readers say where one is and the
// keyboard goes on from there.
import { useEffect, useRef } from "preact/hooks";

/** Pages come a moment after their address; one that has no heading by then is left alone. */
const PATIENCE_MS = 3_000;

/** `address` is where one is, `page` the page it belongs to. */
export function useHeadingFocus(address: string, page: string | undefined): void {
  const before = useRef({ address, page });
  // The heading of the page that is being left; afterwards it could not be told from the new one.
  const left = useRef<Element | null>(null);
  if (before.current.address !== address) left.current = document.querySelector("#main h1");
  useEffect(() => {
    const from = before.current;
    before.current = { address, page };
    if (from.address === address) return undefined;
    const main = document.getElementById("main");
    if (!main) return undefined;

    const old = left.current;
    let given: HTMLElement | undefined;
    /** Whether it is settled who has the focus. */
    const look = (): boolean => {
      const focused = document.activeElement;
      if (given && focused === given) return false;
      // Given, and taken elsewhere by hand.
      if (given && focused !== document.body) return true;
      // Whoever works in the page, or has a dialog open, is not to be pulled away.
      if (focused && focused !== document.body && (main.contains(focused) || focused.closest("dialog")))
        return true;
      const heading = main.querySelector("h1");
      if (!heading || heading === old) return false;
      // A heading is no stop of the tab key; it only takes the focus when it is given.
      heading.tabIndex = -1;
      heading.focus({ preventScroll: true });
      given = heading;
      return false;
    };
    if (from.page !== page) window.scrollTo(0, 0);
    if (look()) return undefined;
    // Also after the focus was given: the heading may have been that of a page still without its data.
    const watcher = new MutationObserver(() => {
      if (look()) watcher.disconnect();
    });
    watcher.observe(main, { childList: true, subtree: true });
    const timer = window.setTimeout(() => watcher.disconnect(), PATIENCE_MS);
    return () => {
      watcher.disconnect();
      window.clearTimeout(timer);
    };
  }, [address, page]);
}
