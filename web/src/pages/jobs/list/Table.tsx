// The table itself. Only rows near what can be seen are drawn; what comes above them does not move them.
//
// Places are computed here and not by a library for rows of any height: when rows come above, the place of the
// scroll bar and the rows drawn must change in the same frame, or the list flickers.
import type { ComponentChildren } from "preact";
import { useEffect, useImperativeHandle, useLayoutEffect, useRef, useState } from "preact/hooks";
import { type Line, linesAt, loadedLines, type View } from "./book";
import type { Fed } from "./feeder";
import { Row } from "./Row";
import { AS, anchored, CARD_REM, CARDS_BELOW_REM, ROW_REM, revealed, seenRows } from "./rows";

export interface TableHandle {
  /** Scrolls so far that the row can be seen, and gives it the focus. */
  reveal: (index: number) => void;
  toTop: () => void;
}

interface TableProps {
  fed: Fed;
  /** Rows of another question, until the answer to this one is here. */
  stale: boolean;
  /** Whether new rows may push down what is at the very top. */
  sticky: boolean;
  withCost: boolean;
  currency: string;
  initialTop: number;
  selection: ReadonlyMap<string, unknown>;
  active: Line | undefined;
  hrefOf: (line: Line) => string;
  handle: { current: TableHandle | null };
  onPick: (index: number, shift: boolean) => void;
  onPickAll: (all: boolean) => void;
  onOpen: (line: Line) => void;
  /** What can be seen, and how far down that is. */
  onView: (view: View, top: number) => void;
  children?: ComponentChildren;
}

interface Size {
  row: number;
  /** Of what is below the heads of the columns. */
  height: number;
  cards: boolean;
}

const rem = () => Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;

export function Table(props: TableProps) {
  const { fed, sticky, selection, active, onView } = props;
  const { book } = fed;
  const scroller = useRef<HTMLDivElement>(null);
  const head = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState<Size>({ row: ROW_REM * 16, height: 800, cards: false });
  const [, redraw] = useState(0);
  const top = useRef(props.initialTop);
  const moved = useRef(props.initialTop > 0);
  const drawn = useRef(book);
  const focusOn = useRef<number>();

  if (drawn.current !== book) {
    const atTop = sticky && top.current < size.row / 2;
    const before = drawn.current;
    drawn.current = book;
    if (!atTop) {
      const now = anchored(before, book, top.current, size.row);
      moved.current ||= now !== top.current;
      top.current = now;
    }
  }
  const seen = seenRows(top.current, size.height, size.row, book.total);
  const lines = linesAt(book, seen.from, seen.to);

  useLayoutEffect(() => {
    const box = scroller.current;
    if (!box) return undefined;
    const measure = () => {
      const cards = box.clientWidth < CARDS_BELOW_REM * rem();
      const row = Math.round((cards ? CARD_REM : ROW_REM) * rem());
      const height = box.clientHeight - (cards ? 0 : (head.current?.offsetHeight ?? 0));
      setSize((old) => {
        if (old.row === row && old.height === height && old.cards === cards) return old;
        if (old.row !== row) {
          top.current = (top.current / old.row) * row;
          moved.current = true;
        }
        return { row, height, cards };
      });
    };
    measure();
    const watcher = new ResizeObserver(measure);
    watcher.observe(box);
    return () => watcher.disconnect();
  }, []);

  useLayoutEffect(() => {
    const box = scroller.current;
    if (!box) return;
    if (moved.current) {
      moved.current = false;
      box.scrollTop = top.current;
    }
    if (focusOn.current !== undefined) {
      const link = box.querySelector<HTMLElement>(`[data-index="${focusOn.current}"] a`);
      if (link) {
        focusOn.current = undefined;
        link.focus({ preventScroll: true });
      }
    }
  });

  useEffect(() => onView({ start: seen.start, end: seen.end }, top.current), [seen.start, seen.end, onView]);

  useImperativeHandle(props.handle, () => ({
    reveal: (index) => {
      const now = revealed(index, top.current, size.height, size.row);
      moved.current ||= now !== top.current;
      top.current = now;
      focusOn.current = index;
      redraw((count) => count + 1);
    },
    toTop: () => {
      top.current = 0;
      moved.current = true;
      redraw((count) => count + 1);
    },
  }));

  const scrolled = () => {
    const box = scroller.current;
    if (!box) return;
    top.current = box.scrollTop;
    const now = seenRows(top.current, size.height, size.row, book.total);
    if (now.start !== seen.start || now.end !== seen.end) redraw((count) => count + 1);
  };

  const clicked = (event: MouseEvent) => {
    const target = event.target as Element;
    const row = target.closest<HTMLElement>(".job-row[data-index]");
    if (!row) return;
    const index = Number(row.dataset.index);
    if (target.closest(".j-pick")) {
      // The box shows what is selected, not what was clicked.
      if (target instanceof HTMLInputElement) queueMicrotask(() => redraw((count) => count + 1));
      props.onPick(index, event.shiftKey);
      return;
    }
    const line = linesAt(book, index, index + 1)[0];
    const marks = window.getSelection()?.isCollapsed === false;
    if (line && !marks && !target.closest("a") && event.button === 0 && !event.ctrlKey && !event.metaKey)
      props.onOpen(line);
  };

  const waiting = fed.book.pages.length === 0 && !fed.error;
  const whole = book.pages.at(-1)?.next === null;
  const look = [
    "job-table",
    size.cards ? "cards" : "",
    props.withCost ? "with-cost" : "",
    props.stale ? "stale" : "",
  ];
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: clicks are those on its rows
    // biome-ignore lint/a11y/useKeyWithClickEvents: each row's link and box do the same by keyboard
    <div
      ref={scroller}
      class={look.join(" ")}
      {...AS.table(whole ? book.total + 1 : -1)}
      aria-busy={props.stale || waiting}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
      tabIndex={0}
      onScroll={scrolled}
      onClick={clicked}
    >
      <Heads refOf={head} book={fed} selection={selection} onPickAll={props.onPickAll} />
      <div
        {...AS.group}
        class="job-rows"
        style={{ height: `${(waiting ? 12 : book.total) * size.row}px`, "--row": `${size.row}px` }}
      >
        {lines.map((line, i) => {
          const index = seen.from + i;
          if (!line) return <Ghost key={`ghost ${index}`} top={index * size.row} />;
          return (
            <Row
              key={line.key}
              line={line}
              index={index}
              top={index * size.row}
              selected={selection.has(line.key)}
              active={active?.key === line.key}
              href={props.hrefOf(line)}
              currency={props.currency}
            />
          );
        })}
        {waiting ? Array.from({ length: 12 }, (_, i) => <Ghost key={i} top={i * size.row} />) : null}
      </div>
      {props.children}
    </div>
  );
}

/** Where a row will be. */
function Ghost({ top }: { top: number }) {
  return (
    <div class="job-row ghost" aria-hidden="true" style={{ transform: `translateY(${top}px)` }}>
      <span class="j-pick" />
      <span class="j-id">
        <i />
      </span>
      <span class="j-state">
        <i />
      </span>
      <span class="j-name">
        <i />
      </span>
    </div>
  );
}

const HEADS: readonly [string, string, string?][] = [
  ["j-id", "Job"],
  ["j-state", "Status"],
  ["j-name", "Function"],
  ["j-type", "Core"],
  ["j-created", "Created"],
  ["j-runtime", "Runtime"],
  ["j-cpu", "CPU user / system"],
  ["j-memory", "Peak memory"],
  ["j-fails", "MemAlloc fails", "Allocations of memory that were refused"],
  ["j-cost", "Cost"],
  ["j-why", "Error"],
];

function Heads({
  refOf,
  book: fed,
  selection,
  onPickAll,
}: {
  refOf: { current: HTMLDivElement | null };
  book: Fed;
  selection: ReadonlyMap<string, unknown>;
  onPickAll: (all: boolean) => void;
}) {
  const box = useRef<HTMLInputElement>(null);
  const some = selection.size > 0;
  const all = some && loadedLines(fed.book).every((line) => selection.has(line.key));
  useLayoutEffect(() => {
    if (box.current) box.current.indeterminate = some && !all;
  });
  return (
    <div {...AS.row(1)} class="job-row job-heads" ref={refOf}>
      <div {...AS.head} class="j-pick">
        <input
          ref={box}
          type="checkbox"
          checked={all}
          aria-label="Select all loaded jobs"
          onChange={() => onPickAll(!all)}
        />
      </div>
      {HEADS.map(([name, says, title]) => (
        <div key={name} {...AS.head} class={name} title={title}>
          {says}
        </div>
      ))}
    </div>
  );
}
