// A stream of a job: drawn only where it is looked at, searchable, following.
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { useShortcuts } from "../../../../shell/keys";
import { bytes, count } from "../../../../ui/format";
import { LiveNote } from "../../../../ui/LiveNote";
import { visible } from "../../../../ui/text";
import { type Dropped, withoutEscapes } from "./logText";
import { moreOf, type Part, partAround, partOf, Rows } from "./rows";
import { saveOutput } from "./save";
import { type Finder, useFinder } from "./useFinder";
import { useLog } from "./useLog";
import "./log.css";

/** Height of a row in pixels, as the style has it; a million of them is what browsers can still scroll. */
const ROW_PX = 17;
const SPARE_ROWS = 20;

interface Size {
  height: number;
  columns: number;
}

export function Log({ jid, stream, title }: { jid: number; stream: string; title: string }) {
  const [wrap, setWrap] = useState(true);
  const [hide, setHide] = useState(false);
  const [following, setFollowing] = useState(true);
  const [parts, setParts] = useState<ReadonlyMap<number, Part>>(new Map());
  const [top, setTop] = useState(0);
  const [size, setSize] = useState<Size>({ height: 400, columns: 100 });
  const view = useRef<HTMLDivElement>(null);
  const rowsNow = useRef<Rows>();
  const partsNow = useRef(parts);
  partsNow.current = parts;
  const followingNow = useRef(following);
  followingNow.current = following;

  // Lines that go above what one looks at must not move it.
  const onDropped = useCallback((dropped: Dropped) => {
    setParts((before) => moved(before, dropped));
    const element = view.current;
    if (!element || followingNow.current) return;
    const gone = dropped.count * ROW_PX;
    if (element.scrollTop > (dropped.from + dropped.count) * ROW_PX) element.scrollTop -= gone;
  }, []);
  const { log, version, total, finished, error } = useLog(jid, stream, onDropped);

  const columns = wrap ? size.columns : Number.POSITIVE_INFINITY;
  const rows = useMemo(() => new Rows(log, columns, parts), [log, columns, parts]);
  rowsNow.current = rows;
  const height = rows.total() * ROW_PX;
  const first = rows.at(Math.max(0, Math.floor(top / ROW_PX) - SPARE_ROWS));
  const shownLine = useCallback((line: string) => (hide ? withoutEscapes(line) : line), [hide]);

  const jump = useCallback(
    (line: number, from: number) => {
      setFollowing(false);
      const length = shownLine(log.line(line)).length;
      const now = partOf(length, partsNow.current.get(line));
      const part = from >= now.from && from < now.to ? now : partAround(length, from);
      if (part !== now) setParts((before) => new Map(before).set(line, part));
      const element = view.current;
      const rows = rowsNow.current;
      if (!element || !rows) return;
      const within =
        rows.columns === Number.POSITIVE_INFINITY ? 0 : Math.floor((from - part.from) / rows.columns);
      element.scrollTop = Math.max(0, (rows.above(line) + within) * ROW_PX - element.clientHeight / 3);
    },
    [log, shownLine],
  );
  const finder = useFinder(log, version, shownLine, () => first.line + SPARE_ROWS, jump);

  useMeasure(view, setSize);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the height is what grew
  useLayoutEffect(() => {
    const element = view.current;
    if (element && following) element.scrollTop = element.scrollHeight;
  }, [height, following, version]);

  const onScroll = () => {
    const element = view.current;
    if (!element) return;
    const isLower = element.scrollTop >= top;
    const isAtEnd = element.scrollTop + element.clientHeight >= element.scrollHeight - 2 * ROW_PX;
    setTop(element.scrollTop);
    if (!isAtEnd && !isLower) setFollowing(false);
  };

  const shown = [];
  const end = Math.ceil((top + size.height) / ROW_PX) + SPARE_ROWS;
  let row = first.rows;
  for (let line = first.line; line < log.lineCount && row < end; line += 1) {
    const text = log.line(line);
    shown.push(
      <Line
        key={line}
        text={shownLine(text)}
        gapBytes={log.gapAt(line)}
        part={parts.get(line)}
        finder={finder}
        number={line}
        onPart={(part) =>
          setParts((before) => (part ? new Map(before).set(line, part) : without(before, line)))
        }
      />,
    );
    row += rows.height(line, text);
  }

  return (
    <section class="log" aria-label={title}>
      <div class="log-bar">
        <Searching finder={finder} />
        <label class="log-check">
          <input
            type="checkbox"
            checked={following && !finished}
            disabled={finished}
            onChange={(event) => setFollowing(event.currentTarget.checked)}
          />
          Follow
        </label>
        <label class="log-check">
          <input type="checkbox" checked={wrap} onChange={(event) => setWrap(event.currentTarget.checked)} />
          Wrap
        </label>
        <label class="log-check">
          <input type="checkbox" checked={hide} onChange={(event) => setHide(event.currentTarget.checked)} />
          Hide escape codes
        </label>
        <button type="button" class="small" disabled={!total} onClick={() => saveOutput(jid, stream)}>
          Download
        </button>
      </div>
      <LiveNote live={{ data: total, error, loading: false, refresh: () => undefined }} />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section ref={view} class="log-view" tabIndex={0} aria-label={`Text of ${title}`} onScroll={onScroll}>
        <div class="log-all" style={{ height: `${height}px` }}>
          <div class={wrap ? "log-lines wrapped" : "log-lines"} style={{ top: `${first.rows * ROW_PX}px` }}>
            {shown}
          </div>
        </div>
        {total === 0 ? (
          <p class="log-nothing soft">
            {finished ? `Nothing was written to ${title}.` : `Nothing was written to ${title} so far.`}
          </p>
        ) : null}
      </section>
      <p class="log-foot small soft">
        {total === undefined ? "Loading…" : `${bytes(total)} · ${count(log.lineCount)} lines`}
        {total === undefined || finished ? "" : " · more may come"}
      </p>
    </section>
  );
}

function moved(parts: ReadonlyMap<number, Part>, dropped: Dropped): ReadonlyMap<number, Part> {
  const next = new Map<number, Part>();
  for (const [line, part] of parts) {
    if (line < dropped.from) next.set(line, part);
    else if (line >= dropped.from + dropped.count) next.set(line - dropped.count, part);
  }
  return next;
}

function without(parts: ReadonlyMap<number, Part>, line: number): ReadonlyMap<number, Part> {
  const next = new Map(parts);
  next.delete(line);
  return next;
}

/** How high the view is, and how many characters fit into a row. */
function useMeasure(view: { current: HTMLDivElement | null }, set: (size: Size) => void): void {
  useEffect(() => {
    const element = view.current;
    if (!element) return undefined;
    const measure = () => {
      const probe = document.createElement("span");
      probe.className = "log-probe";
      probe.textContent = "0".repeat(100);
      element.append(probe);
      const width = probe.getBoundingClientRect().width / 100;
      probe.remove();
      // Padding of the lines on both sides.
      const columns = Math.max(10, Math.floor((element.clientWidth - 24) / (width || 8)));
      set({ height: element.clientHeight, columns });
    };
    const watcher = new ResizeObserver(measure);
    watcher.observe(element);
    return () => watcher.disconnect();
  }, [view, set]);
}

function Searching({ finder }: { finder: Finder }) {
  const input = useRef<HTMLInputElement>(null);
  useShortcuts([
    { keys: "/", says: "Search in the output", act: () => input.current?.focus() },
    { keys: "n", says: "Next place found", act: () => finder.go(1) },
    { keys: "N", says: "Place found before", act: () => finder.go(-1) },
  ]);
  const { text, hits, place, isOver } = finder;
  const said =
    hits === 0
      ? isOver
        ? "not found"
        : "searching…"
      : `${place + 1} of ${count(hits)}${finder.isMore ? " or more" : ""}`;
  return (
    <search class="log-search">
      <input
        ref={input}
        type="search"
        value={text}
        placeholder="Search"
        aria-label="Search in the output"
        onInput={(event) => finder.setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter") finder.go(event.shiftKey ? -1 : 1);
          if (event.key === "Escape") event.currentTarget.blur();
        }}
      />
      <button
        type="button"
        class="small"
        disabled={hits === 0}
        aria-label="Place found before"
        onClick={() => finder.go(-1)}
      >
        ↑
      </button>
      <button
        type="button"
        class="small"
        disabled={hits === 0}
        aria-label="Next place found"
        onClick={() => finder.go(1)}
      >
        ↓
      </button>
      <span class="log-count small soft" role="status">
        {text === "" ? "" : said}
      </span>
    </search>
  );
}

interface LineProps {
  text: string;
  gapBytes: number;
  part: Part | undefined;
  finder: Finder;
  number: number;
  onPart: (part: Part | undefined) => void;
}

function Line({ text, gapBytes, part, finder, number, onPart }: LineProps) {
  if (gapBytes > 0) return <div class="log-gap">About {bytes(gapBytes)} in the middle were not kept</div>;
  const { from, to } = partOf(text.length, part);
  const left = text.length - Math.min(to, text.length);
  return (
    <div class="log-line" dir="auto">
      {from > 0 ? (
        <button type="button" class="log-more" onClick={() => onPart(undefined)}>
          show the line from its beginning
        </button>
      ) : null}
      {marked(text.slice(from, to), from, number, finder)}
      {left > 0 ? (
        <button type="button" class="log-more" onClick={() => onPart(moreOf(text.length, { from, to }))}>
          show more ({count(left)} characters left)
        </button>
      ) : null}
    </div>
  );
}

/** The text with what was searched for marked. */
function marked(text: string, from: number, number: number, finder: Finder) {
  const hits = finder.inLine(text, number);
  if (hits.length === 0) return visible(text);
  const pieces = [];
  let at = 0;
  for (const hit of hits) {
    pieces.push(visible(text.slice(at, hit.from)));
    const isCurrent = finder.isCurrent(number, from + hit.from);
    pieces.push(
      <mark key={hit.from} class={isCurrent ? "current" : undefined}>
        {visible(text.slice(hit.from, hit.to))}
      </mark>,
    );
    at = hit.to;
  }
  pieces.push(visible(text.slice(at)));
  return pieces;
}
