// Asks for pages: one at a time, what can be seen first, and again what may have changed.
import type { JobList } from "../../../api/types";
import { onChange, onConnection } from "../../../live/changes";
import { type Book, beforeOf, EMPTY, limitOf, merged, nextPage, released, type View } from "./book";

/** Asks for the rows below `before`; none for the newest. */
export type AskPage = (before: number | undefined, limit: number, signal: AbortSignal) => Promise<JobList>;

/** Shortest time between two questions about the same rows. A slow answer is not asked for more often than half the time. */
const EVERY_MS = 300;
/** How often new jobs are looked for while one looks at older ones. */
const TOP_EVERY_MS = 2_000;
/** While somebody scrolls, only what is missing is asked for. */
const REST_MS = 150;
const AFTER_ERROR_MS = 5_000;
/** Rows kept to each side of what is seen. */
const KEEP = 10_000;

export interface Fed {
  book: Book;
  error: Error | undefined;
  /** Older rows are being asked for, from this id down. */
  searching: number | undefined;
}

let made = 0;

export class Feeder {
  fed: Fed = { book: EMPTY, error: undefined, searching: undefined };
  /** Called when `fed` is another. */
  changed: () => void = () => undefined;

  /** Another for each one. */
  readonly id = ++made;
  /** Most rows there is room for. */
  readonly most: number;

  #ask: AskPage;
  #view: View = { start: 0, end: 40 };
  #hints = 0;
  #busy = false;
  #timer: number | undefined;
  #stop: AbortController | undefined;
  #leave: (() => void)[] = [];
  #mayAgain = 0;
  #mayTop = 0;
  #scrolled = 0;
  #failed = 0;

  constructor(ask: AskPage, most: number) {
    this.#ask = ask;
    this.most = most;
  }

  start(): void {
    this.#stop = new AbortController();
    this.#leave = [
      onChange("jobs", () => this.hint()),
      onConnection((connected) => connected && this.fed.book !== EMPTY && this.hint()),
    ];
    document.addEventListener("visibilitychange", this.#soon);
    // Whatever is kept from an earlier visit may be old.
    this.#hints += 1;
    this.#soon();
  }

  stop(): void {
    this.#stop?.abort();
    window.clearTimeout(this.#timer);
    this.#timer = undefined;
    document.removeEventListener("visibilitychange", this.#soon);
    for (const off of this.#leave) off();
    this.#leave = [];
  }

  /** Something may have changed. */
  hint(): void {
    this.#hints += 1;
    this.#failed = 0;
    this.#soon();
  }

  /** What is looked at now. */
  look(view: View): void {
    if (view.start !== this.#view.start) this.#scrolled = performance.now();
    this.#view = view;
    this.#soon();
  }

  #set(fed: Partial<Fed>): void {
    this.fed = { ...this.fed, ...fed };
    this.changed();
  }

  #soon = (): void => {
    if (this.#busy || !this.#stop || this.#stop.signal.aborted || document.hidden) return;
    window.clearTimeout(this.#timer);
    this.#timer = undefined;
    const now = performance.now();
    const wait = (ms: number) => {
      this.#timer = window.setTimeout(this.#soon, Math.max(1, ms));
    };
    if (this.#failed > now) {
      wait(this.#failed - now);
      return;
    }
    const book = this.fed.book;
    const at = (again: boolean, top: boolean) =>
      nextPage(book, this.#view, this.most, { hints: this.#hints, again, top });
    const rested = Math.max(this.#mayAgain, this.#scrolled + REST_MS);
    const index = at(rested <= now, this.#mayTop <= now);
    if (index !== undefined) {
      void this.#run(index, this.#stop.signal);
      return;
    }
    if (this.fed.searching !== undefined) this.#set({ searching: undefined });
    if (at(true, false) !== undefined) wait(rested - now);
    else if (at(true, true) !== undefined) wait(Math.max(rested, this.#mayTop) - now);
  };

  async #run(index: number, signal: AbortSignal): Promise<void> {
    this.#busy = true;
    const { book } = this.fed;
    const before = beforeOf(book, index);
    const older = index === book.pages.length && book.pages.length > 0;
    const seen = this.#hints;
    const began = performance.now();
    if (older) this.#set({ searching: before });
    try {
      const list = await this.#ask(before, limitOf(book, index), signal);
      if (signal.aborted) return;
      const now = merged(book, index, { list, at: Date.now(), seen });
      this.#set({ book: released(now, this.#view.start, this.#view.end, KEEP), error: undefined });
    } catch (error) {
      if (signal.aborted) return;
      this.#failed = performance.now() + AFTER_ERROR_MS;
      this.#set({ error: error as Error, searching: undefined });
    } finally {
      this.#busy = false;
    }
    const ended = performance.now();
    this.#mayAgain = ended + Math.max(EVERY_MS, 2 * (ended - began));
    if (index === 0) this.#mayTop = ended + TOP_EVERY_MS;
    this.#soon();
  }
}
