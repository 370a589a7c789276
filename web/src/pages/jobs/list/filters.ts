// Which jobs are listed. It is all in the address: a link shows the same to another, and back and forward work.
import { type JobQuery, STATUSES, type Status } from "../../../api/types";

export const PRESETS = {
  "15m": { says: "last 15 minutes", ms: 15 * 60_000 },
  "1h": { says: "last hour", ms: 3_600_000 },
  "24h": { says: "last 24 hours", ms: 86_400_000 },
  "7d": { says: "last 7 days", ms: 7 * 86_400_000 },
} as const;
export type Preset = keyof typeof PRESETS;

export interface Filters {
  status: readonly Status[];
  text: string;
  function: string;
  label: string;
  queue: string;
  coreType: string;
  parent: number | undefined;
  map: number | undefined;
  /** Only ids below. */
  before: number | undefined;
  /** Made within a time up to now; or else between two moments, in milliseconds since 1970. */
  since: Preset | undefined;
  from: number | undefined;
  until: number | undefined;
  /** One row for each map. */
  grouped: boolean;
}

export const NO_FILTERS: Filters = {
  status: [],
  text: "",
  function: "",
  label: "",
  queue: "",
  coreType: "",
  parent: undefined,
  map: undefined,
  before: undefined,
  since: undefined,
  from: undefined,
  until: undefined,
  grouped: false,
};

/** Longest text the API looks for. */
export const TEXT_MAX = 200;

/** What an address asks for. What makes no sense in it is left out. */
export function fromAddress(search: string): Filters {
  const said = new URLSearchParams(search);
  const named = (said.get("status") ?? "").split(",");
  const since = said.get("since");
  const preset = since !== null && Object.hasOwn(PRESETS, since) ? (since as Preset) : undefined;
  return {
    status: STATUSES.filter((status) => named.includes(status)),
    text: (said.get("text") ?? "").slice(0, TEXT_MAX),
    function: said.get("function") ?? "",
    label: said.get("label") ?? "",
    queue: said.get("queue") ?? "",
    coreType: said.get("core_type") ?? "",
    parent: id(said.get("parent")),
    map: id(said.get("map")),
    before: id(said.get("before")),
    since: preset,
    from: preset ? undefined : moment(said.get("from")),
    until: preset ? undefined : moment(said.get("until")),
    grouped: said.get("grouped") === "yes",
  };
}

function id(text: string | null): number | undefined {
  return text !== null && /^[1-9]\d{0,15}$/.test(text) ? Number(text) : undefined;
}

function moment(text: string | null): number | undefined {
  const at = text === null ? Number.NaN : Date.parse(text);
  return Number.isNaN(at) ? undefined : at;
}

/** The query of an address that asks for this, with its `?`; empty without filters. */
export function toAddress(filters: Filters): string {
  const said = new URLSearchParams();
  const add = (name: string, value: string | number | undefined) => {
    if (value !== undefined && value !== "") said.set(name, String(value));
  };
  add("status", filters.status.join(","));
  add("text", filters.text);
  add("function", filters.function);
  add("label", filters.label);
  add("queue", filters.queue);
  add("core_type", filters.coreType);
  add("parent", filters.parent);
  add("map", filters.map);
  add("before", filters.before);
  add("since", filters.since);
  add("from", iso(filters.from));
  add("until", iso(filters.until));
  if (filters.grouped) said.set("grouped", "yes");
  // Commas and colons may stand as they are, and read better.
  const text = said.toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
  return text === "" ? "" : `?${text}`;
}

function iso(at: number | undefined): string | undefined {
  return at === undefined ? undefined : new Date(at).toISOString().replace(":00.000Z", "Z");
}

/** The same as the API is asked for it. `before` and `limit` are those of a page. */
export function toQuery(filters: Filters, now: number): JobQuery {
  const query: JobQuery = {};
  if (filters.status.length > 0) query.status = filters.status.join(",");
  if (filters.text.trim() !== "") query.text = filters.text.trim();
  if (filters.function !== "") query.function = filters.function;
  if (filters.label !== "") query.label = filters.label;
  if (filters.queue !== "") query.queue = filters.queue;
  if (filters.coreType !== "") query.core_type = filters.coreType;
  if (filters.parent !== undefined) query.parent = filters.parent;
  if (filters.map !== undefined) query.map = filters.map;
  const from = filters.since ? now - PRESETS[filters.since].ms : filters.from;
  if (from !== undefined) query.created_from = from;
  if (filters.until !== undefined) query.created_until = filters.until;
  // Within one map there is nothing to put together.
  if (filters.grouped && filters.map === undefined) query.grouped = true;
  return query;
}

/** A filter that is on, in words, and what is left without it. */
export interface Chip {
  name: string;
  value: string;
  without: Filters;
}

/** Those that no other part of the toolbar shows already. `time` says a moment in the viewer's zone. */
export function chips(filters: Filters, time: (at: number) => string): Chip[] {
  const found: Chip[] = [];
  const add = (name: string, value: string | undefined, off: Partial<Filters>) => {
    if (value !== undefined && value !== "") found.push({ name, value, without: { ...filters, ...off } });
  };
  add("function", filters.function, { function: "" });
  add("label", filters.label, { label: "" });
  add("queue", filters.queue, { queue: "" });
  add("core type", filters.coreType, { coreType: "" });
  add("made by job", filters.parent?.toString(), { parent: undefined });
  add("map of job", filters.map?.toString(), { map: undefined });
  add("older than job", filters.before?.toString(), { before: undefined });
  add("from", filters.from === undefined ? undefined : time(filters.from), { from: undefined });
  add("until", filters.until === undefined ? undefined : time(filters.until), { until: undefined });
  return found;
}

/** Whether some jobs are left out. Putting maps together leaves nothing out. */
export function isFiltered(filters: Filters): boolean {
  return toAddress({ ...filters, grouped: false }) !== "";
}

/** The value of an `<input type="datetime-local">`, and back: both in the viewer's zone. */
export function toLocalInput(at: number | undefined): string {
  if (at === undefined) return "";
  const date = new Date(at);
  return new Date(at - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function fromLocalInput(text: string): number | undefined {
  return moment(text === "" ? null : text);
}
