// One line of the list: a job, or a map with all its jobs. Drawn again only when something of it changes.
import { memo } from "preact/compat";
import { Link } from "wouter-preact";
import { UNFINISHED } from "../../../api/types";
import { bytes, count, duration, money, ticking } from "../../../ui/format";
import { Status } from "../../../ui/Status";
import { Time, useSecond } from "../../../ui/Time";
import { shortened, visible } from "../../../ui/text";
import type { Line } from "./book";
import { AS } from "./rows";
import { cpu, inWords, shares } from "./words";

export interface RowProps {
  line: Line;
  index: number;
  top: number;
  selected: boolean;
  active: boolean;
  /** Where a click leads. */
  href: string;
  currency: string;
}

/** Longest text that is put into a cell; the rest of it cannot be seen anyway. */
const CELL_MAX = 300;

const shown = (text: string) => visible(shortened(text, CELL_MAX));

export const Row = memo(function Row(props: RowProps) {
  const { line, index, top, selected, active } = props;
  const { row } = line;
  const map = row.map?.statuses ? row.map : undefined;
  const name = map ? `map ${map.first}` : `job ${row.jid}`;
  const look = ["job-row", selected ? "picked" : "", active ? "active" : "", row.error ? "failed" : ""];
  return (
    <div
      {...AS.row(index + 2)}
      class={look.join(" ")}
      data-index={index}
      data-key={line.key}
      style={{ transform: `translateY(${top}px)` }}
    >
      <Cell of="j-pick">
        <input type="checkbox" checked={selected} aria-label={`Select ${name}`} />
      </Cell>
      <Cell of="j-id">
        <Link href={props.href} aria-label={map ? `Open ${name}` : undefined}>
          {map ? map.first : row.jid}
        </Link>
      </Cell>
      {map?.statuses ? <MapCells {...props} map={map} statuses={map.statuses} /> : <JobCells {...props} />}
    </div>
  );
});

function Cell({ of, title, children }: { of: string; title?: string; children?: preact.ComponentChildren }) {
  return (
    <div {...AS.cell} class={of} title={title}>
      {children}
    </div>
  );
}

/** A figure at the right of its cell. A new one is another element, for it is not the old one that moved. */
function Figure({ text }: { text: string }) {
  return <span key={text}>{text}</span>;
}

function Name({ line }: { line: Line }) {
  const { row } = line;
  const label = row.label ? shown(row.label) : "";
  const name = shown(row.function);
  return (
    <Cell of="j-name" title={label ? `${name} · ${label}` : name}>
      <bdi>{name}</bdi>
      {label ? <bdi class="j-label">{label}</bdi> : null}
    </Cell>
  );
}

function JobCells({ line, currency }: RowProps) {
  const { row } = line;
  const error = row.error ? shown(row.error) : "";
  const fails = row.memory_failures ?? 0;
  return (
    <>
      <Cell of="j-state">
        <Status status={row.status} />
      </Cell>
      <Name line={line} />
      <Cell of="j-type">
        {row.core_type}
        {row.cores > 1 ? <span class="soft"> ×{row.cores}</span> : null}
      </Cell>
      <Cell of="j-created">
        <Time at={row.created} brief />
      </Cell>
      <Cell of="j-runtime">
        {line.since !== undefined ? (
          <Running since={line.since} />
        ) : (
          <Figure text={duration(row.runtime_ms == null ? undefined : row.runtime_ms / 1e3)} />
        )}
      </Cell>
      <Cell of="j-cpu">
        <Figure text={cpu(row.cpu_user_ms, row.cpu_system_ms)} />
      </Cell>
      <Cell of="j-memory">
        <Figure text={bytes(row.memory_peak_bytes)} />
      </Cell>
      <Cell of="j-fails">
        {fails > 0 ? (
          <strong class="bad">{count(fails)}</strong>
        ) : (
          <Figure text={row.memory_failures == null || UNFINISHED.has(row.status) ? "–" : "0"} />
        )}
      </Cell>
      <Cell of="j-cost">
        <Figure text={money(row.cost, currency)} />
      </Cell>
      <Cell of="j-why" title={error}>
        <bdi>{error}</bdi>
      </Cell>
    </>
  );
}

function MapCells({
  line,
  map,
  statuses,
}: RowProps & { map: { count: number }; statuses: Record<string, number> }) {
  const words = inWords(statuses);
  return (
    <>
      <Cell of="j-state" title={words}>
        <span class="map-bar" role="img" aria-label={words}>
          {shares(statuses).map((share) => (
            <span key={share.status} class={share.status} style={{ width: `${share.width}%` }} />
          ))}
        </span>
      </Cell>
      <Name line={line} />
      <Cell of="j-type">{line.row.core_type}</Cell>
      <Cell of="j-created">
        <Time at={line.row.created} brief />
      </Cell>
      <Cell of="j-map">map of {count(map.count)}</Cell>
      <Cell of="j-counts" title={words}>
        {words}
      </Cell>
    </>
  );
}

/** How long a job has been running, counting on. */
function Running({ since }: { since: number }) {
  return <Figure text={ticking(Math.max(0, useSecond() - since) / 1e3)} />;
}
