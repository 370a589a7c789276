// The list of jobs: what one looks for, the table, and what can be done with many at once.
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import { navigate, useSearch } from "wouter-preact/use-browser-location";
import { useShortcuts } from "../../../shell/keys";
import { Empty } from "../../../ui/Empty";
import { ErrorNote, say } from "../../../ui/Notes";
import { BulkDialog } from "./BulkDialog";
import { indexOf, type Line, linesAt, loadedLines, newerThan, type View } from "./book";
import type { Verb } from "./bulk";
import { FilterBar } from "./FilterBar";
import { Foot } from "./Foot";
import { type Filters, fromAddress, isFiltered, NO_FILTERS, toAddress } from "./filters";
import { mergedRanges, type Range, sizeOf } from "./jidset";
import "./list.css";
import { Table, type TableHandle } from "./Table";
import { useCurrency } from "./useCurrency";
import { useJobs } from "./useJobs";
import { newJobs } from "./words";

const FIRST_STEPS = `import cloud
jid = cloud.call(lambda x: x ** 2, 7)
print(cloud.result(jid))`;

/** The jobs a row stands for. */
function rangeOf({ row }: Line): Range {
  if (row.map?.statuses) return { first: row.map.first, last: row.map.first + row.map.count - 1 };
  return { first: row.jid, last: row.jid };
}

const NOTHING: ReadonlyMap<string, Range> = new Map();

export default function JobListPage() {
  const search = useSearch();
  const filters = useMemo(() => fromAddress(search), [search]);
  const list = useJobs(search, filters);
  const { fed, feeder } = list;
  const { book } = fed;
  const stale = list.of !== feeder;

  const [selection, setSelection] = useState(NOTHING);
  const [active, setActive] = useState<Line>();
  const [bulk, setBulk] = useState<{ verb: Verb; ranges: Range[] }>();
  const anchor = useRef<Line>();
  const table = useRef<TableHandle>(null);
  const [atTop, setAtTop] = useState(list.top === 0);
  // The newest job that was seen at the top; those above it are news.
  const [known, setKnown] = useState(Number.POSITIVE_INFINITY);

  // What is selected must be what can be seen.
  // biome-ignore lint/correctness/useExhaustiveDependencies: another question
  useEffect(() => {
    setSelection(NOTHING);
    setActive(undefined);
    setKnown(Number.POSITIVE_INFINITY);
    anchor.current = undefined;
  }, [search]);

  const filter = useCallback((wanted: Filters, replace = false) => {
    navigate(`/jobs${toAddress(wanted)}`, { replace });
  }, []);
  const hrefOf = useCallback(
    ({ row }: Line) =>
      row.map?.statuses
        ? `/jobs${toAddress({ ...filters, map: row.map.first, before: undefined })}`
        : `/jobs/${row.jid}`,
    [filters],
  );

  const moving = atTop && !active && selection.size === 0;
  const newest = book.pages[0]?.lines?.[0]?.row.jid ?? 0;
  useEffect(() => {
    if (moving || known === Number.POSITIVE_INFINITY) setKnown(newest);
  }, [moving, newest, known]);
  const news = moving || stale ? 0 : newerThan(book, known);

  const jobs = useRef(list);
  jobs.current = list;
  const look = useCallback((view: View, top: number) => {
    if (jobs.current.of !== jobs.current.feeder) return;
    jobs.current.feeder.look(view);
    jobs.current.leaveAt(top);
    setAtTop(view.start === 0);
  }, []);

  const pick = (index: number, shift: boolean) => {
    const line = linesAt(book, index, index + 1)[0];
    if (!line) return;
    const on = !selection.has(line.key);
    let picked: (Line | undefined)[] = [line];
    if (shift && anchor.current) {
      const other = Math.min(book.total - 1, indexOf(book, anchor.current));
      picked = linesAt(book, Math.min(index, other), Math.max(index, other) + 1);
      const there = picked.filter((one) => one !== undefined).length;
      if (there < picked.length)
        say(`The range is longer than what is loaded; ${there} rows of it were taken.`, true);
    }
    anchor.current = line;
    setSelection((old) => {
      const now = new Map(old);
      for (const one of picked) {
        if (!one) continue;
        if (on) now.set(one.key, rangeOf(one));
        else now.delete(one.key);
      }
      return now;
    });
  };
  const pickAll = (all: boolean) =>
    setSelection(all ? new Map(loadedLines(book).map((line) => [line.key, rangeOf(line)])) : NOTHING);
  const step = (by: number) => {
    const from = active ? indexOf(book, active) : -1;
    const index = Math.min(book.total - 1, Math.max(0, active ? from + by : 0));
    const line = linesAt(book, index, index + 1)[0];
    if (!line) return;
    setActive(line);
    table.current?.reveal(index);
  };
  const clear = () => {
    setSelection(NOTHING);
    setActive(undefined);
  };
  const open = (line: Line) => navigate(hrefOf(line));

  useShortcuts([
    { keys: "j", says: "Next job", act: () => step(1) },
    { keys: "k", says: "Previous job", act: () => step(-1) },
    { keys: "x", says: "Select the job", act: () => active && pick(indexOf(book, active), false) },
    { keys: "Enter", says: "Open the job", act: () => active && open(active) },
    { keys: "Escape", says: "Select nothing", act: clear },
  ]);

  const ranges = useMemo(() => mergedRanges(selection.values()), [selection]);
  const ask = (verb: Verb) => setBulk({ verb, ranges });
  const withCost = useMemo(() => loadedLines(book).some((line) => (line.row.cost ?? 0) > 0), [book]);
  const currency = useCurrency(withCost);
  const none = book.pages.length > 0 && book.total === 0 && book.pages.at(-1)?.next === null && !stale;

  return (
    <section class="job-list">
      <FilterBar filters={filters} onFilter={filter} />
      <div class="panel job-panel">
        {none ? (
          <Nothing filters={filters} onFilter={filter} />
        ) : fed.error && book.pages.length === 0 ? (
          <div class="padded">
            <ErrorNote error={fed.error} />
          </div>
        ) : (
          <Table
            key={list.of.id}
            fed={fed}
            stale={stale}
            sticky={moving}
            withCost={withCost}
            currency={currency}
            initialTop={list.top}
            selection={selection}
            active={active}
            hrefOf={hrefOf}
            handle={table}
            onPick={pick}
            onPickAll={pickAll}
            onOpen={open}
            onView={look}
          />
        )}
        {news > 0 ? (
          <button
            type="button"
            class="primary job-news"
            onClick={() => {
              clear();
              table.current?.toTop();
              feeder.hint();
            }}
          >
            {newJobs(news)}
          </button>
        ) : null}
        <Foot
          fed={fed}
          grouped={filters.grouped && filters.map === undefined}
          most={feeder.most}
          hrefBefore={(jid) => `/jobs${toAddress({ ...filters, before: jid })}`}
          selected={sizeOf(ranges)}
          onKill={() => ask("kill")}
          onDelete={() => ask("delete")}
          onClear={clear}
          onRetry={() => feeder.hint()}
        />
      </div>
      {bulk ? (
        <BulkDialog
          verb={bulk.verb}
          ranges={bulk.ranges}
          onDone={() => {
            clear();
            feeder.hint();
          }}
          onClose={() => setBulk(undefined)}
        />
      ) : null}
    </section>
  );
}

function Nothing({ filters, onFilter }: { filters: Filters; onFilter: (filters: Filters) => void }) {
  if (isFiltered(filters))
    return (
      <Empty title="No job matches these filters">
        <div>
          <button type="button" onClick={() => onFilter({ ...NO_FILTERS, grouped: filters.grouped })}>
            Clear filters
          </button>
        </div>
      </Empty>
    );
  return (
    <Empty title="No jobs yet" code={FIRST_STEPS}>
      <p>Every function called on picloud is a job, and is listed here from the moment of its call.</p>
      <p class="soft">
        On another machine, run <code>picloud setup</code> first: it asks for this server's address and a key.
      </p>
    </Empty>
  );
}
