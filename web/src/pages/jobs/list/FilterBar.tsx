// What is looked for: a text, statuses, a time, and the rest in a dialog. Everything that is on can be seen and taken away.
import { useEffect, useRef, useState } from "preact/hooks";
import { STATUSES, type Status as StatusName } from "../../../api/types";
import { useShortcuts } from "../../../shell/keys";
import { Status } from "../../../ui/Status";
import { localTime } from "../../../ui/Time";
import { shortened, visible } from "../../../ui/text";
import { FilterDialog } from "./FilterDialog";
import { chips, type Filters, isFiltered, NO_FILTERS, PRESETS, type Preset, TEXT_MAX } from "./filters";

/** Typing is answered when it pauses. */
const PAUSE_MS = 250;

export interface FilterBarProps {
  filters: Filters;
  /** `replace` leaves no step for the back button. */
  onFilter: (filters: Filters, replace?: boolean) => void;
}

export function FilterBar({ filters, onFilter }: FilterBarProps) {
  const [dialog, setDialog] = useState(false);
  const on = chips(filters, localTime);
  const time = filters.since ?? (filters.from !== undefined || filters.until !== undefined ? "between" : "");
  const toggle = (status: StatusName) => {
    const now = filters.status.includes(status)
      ? filters.status.filter((one) => one !== status)
      : STATUSES.filter((one) => one === status || filters.status.includes(one));
    onFilter({ ...filters, status: now });
  };
  return (
    <div class="job-filters">
      <div class="row job-search">
        <h1>Jobs</h1>
        <Search filters={filters} onFilter={onFilter} />
        <select
          aria-label="Created"
          value={time}
          onChange={(event) => {
            const chosen = event.currentTarget.value;
            if (chosen === "between") setDialog(true);
            else
              onFilter({
                ...filters,
                since: chosen === "" ? undefined : (chosen as Preset),
                from: undefined,
                until: undefined,
              });
            // What is not applied yet is not shown.
            event.currentTarget.value = time;
          }}
        >
          <option value="">any time</option>
          {Object.entries(PRESETS).map(([name, preset]) => (
            <option key={name} value={name}>
              {preset.says}
            </option>
          ))}
          <option value="between">between…</option>
        </select>
        <button type="button" onClick={() => setDialog(true)}>
          Filters
        </button>
        <label class="row job-group">
          <input
            type="checkbox"
            checked={filters.grouped}
            onChange={() => onFilter({ ...filters, grouped: !filters.grouped })}
          />
          Group maps
        </label>
      </div>
      {/* biome-ignore lint/a11y/useSemanticElements: a fieldset cannot be laid out in a line everywhere */}
      <div class="job-statuses" role="group" aria-label="Status">
        {STATUSES.map((status) => (
          <button
            key={status}
            type="button"
            class="plain small"
            aria-pressed={filters.status.includes(status)}
            onClick={() => toggle(status)}
          >
            <Status status={status} />
          </button>
        ))}
        {isFiltered(filters) ? (
          <button
            type="button"
            class="plain small job-clear"
            onClick={() => onFilter({ ...NO_FILTERS, grouped: filters.grouped })}
          >
            Clear filters
          </button>
        ) : null}
      </div>
      {on.length > 0 ? (
        <ul class="job-chips" aria-label="Filters that are on">
          {on.map((chip) => (
            <li key={chip.name}>
              <button type="button" class="job-chip" onClick={() => onFilter(chip.without)}>
                <span class="visually-hidden">Remove filter: </span>
                <span class="soft">{chip.name}</span>{" "}
                <bdi class="cut">{visible(shortened(chip.value, 100))}</bdi>
                <span aria-hidden="true">×</span>
              </button>
            </li>
          ))}
        </ul>
      ) : null}
      {dialog ? (
        <FilterDialog filters={filters} onFilter={onFilter} onClose={() => setDialog(false)} />
      ) : null}
    </div>
  );
}

function Search({ filters, onFilter }: FilterBarProps) {
  const [text, setText] = useState(filters.text);
  const input = useRef<HTMLInputElement>(null);
  const timer = useRef<number>();
  // What this field has asked for itself; another text comes from the address.
  const said = useRef(filters.text);
  const now = useRef({ filters, onFilter });
  now.current = { filters, onFilter };

  useEffect(() => {
    if (filters.text === said.current) return;
    said.current = filters.text;
    window.clearTimeout(timer.current);
    setText(filters.text);
  }, [filters.text]);
  useEffect(() => () => window.clearTimeout(timer.current), []);
  useShortcuts([{ keys: "/", says: "Search jobs", act: () => input.current?.focus() }]);

  const apply = (wanted: string) => {
    window.clearTimeout(timer.current);
    if (wanted === said.current) return;
    // The first letter is a step that can be gone back from; those after it are not.
    const step = said.current === "" || wanted === "";
    said.current = wanted;
    now.current.onFilter({ ...now.current.filters, text: wanted }, !step);
  };
  const typed = (wanted: string) => {
    setText(wanted);
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(() => apply(wanted), PAUSE_MS);
  };
  return (
    <input
      ref={input}
      type="search"
      class="job-text"
      aria-label="Search by function, label or error"
      placeholder="Function, label or error"
      autocomplete="off"
      spellcheck={false}
      maxLength={TEXT_MAX}
      value={text}
      onInput={(event) => typed(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key === "Enter") apply(text);
        if (event.key === "Escape") {
          event.preventDefault();
          if (text === "") event.currentTarget.blur();
          else {
            setText("");
            apply("");
          }
        }
      }}
    />
  );
}
