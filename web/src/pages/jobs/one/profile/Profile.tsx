// What `_profile=True` counted: a picture, a table, and the text that Python users get.
import { useMemo, useRef, useState } from "preact/hooks";
import { api, data } from "../../../../api/http";
import type { JobInfo, ProfileCalls } from "../../../../api/types";
import { useLive } from "../../../../live/useLive";
import { count, duration } from "../../../../ui/format";
import { ErrorNote } from "../../../../ui/Notes";
import { visible } from "../../../../ui/text";
import { type Bar, flame, neighbour } from "./flame";
import { type Column, clicked, listed, type Order, perCall, placeOf } from "./table";
import "./profile.css";

/** Rows of the table at first, and with each click. */
const ROWS = 100;

export function Profile({ info }: { info: JobInfo }) {
  const jid = info.jid;
  const found = useLive<JobInfo | undefined>(`profile-${jid}-${info.finished}`, [], async (signal) => {
    const reply = data(
      await api.POST("/v1/jobs/info", { body: { jids: String(jid), with: ["profile"] }, signal }),
    );
    return reply.info[jid];
  });
  if (found.error) return <ErrorNote error={found.error} />;
  if (!found.data) return <p class="soft">Loading…</p>;
  const { profile, profile_calls: calls } = found.data;
  if (!profile && !calls)
    return (
      <p class="soft">
        {info.finished
          ? "The job ended without a profile; one that fails has none."
          : "The profile comes when the job is done."}
      </p>
    );
  return (
    <div class="stack">
      {calls && calls.functions.length > 0 ? (
        <>
          <Flame calls={calls} />
          <Table calls={calls} />
        </>
      ) : null}
      {profile ? (
        <details open={!calls} class="panel">
          <summary class="padded">As text</summary>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
          <pre class="profile-text" tabIndex={0}>
            {visible(profile)}
          </pre>
        </details>
      ) : null}
    </div>
  );
}

const COLOURS = ["--user", "--memory", "--disk", "--network", "--system"];

/** The same file has the same colour; which one means nothing. */
function colourOf(file: string): string {
  let sum = 0;
  for (const character of file) sum = (sum * 31 + character.charCodeAt(0)) | 0;
  return COLOURS[Math.abs(sum) % COLOURS.length] as string;
}

function Flame({ calls }: { calls: ProfileCalls }) {
  const [path, setPath] = useState<readonly number[]>([]);
  const [at, setAt] = useState(0);
  const bars = useMemo(() => flame(calls, path), [calls, path]);
  const box = useRef<HTMLDivElement>(null);
  const current = Math.min(at, bars.length - 1);
  const bar = bars[current];
  const depth = bars.reduce((deepest, one) => Math.max(deepest, one.depth), 0) + 1;

  const zoom = (to: Bar) => {
    const isSame = to.path.length === path.length && to.path.every((fn, place) => fn === path[place]);
    setPath(isSame ? [] : to.path);
    setAt(isSame ? 0 : Math.max(0, to.path.length - 1));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const next = neighbour(bars, current, event.key);
    if (next === undefined) return;
    event.preventDefault();
    setAt(next);
    box.current?.querySelectorAll<HTMLElement>(".flame-bar")[next]?.focus();
  };
  return (
    <section class="panel padded stack" aria-label="Where the time went">
      <div class="row spread">
        <h2>Where the time went</h2>
        <button type="button" disabled={path.length === 0} onClick={() => setPath([])}>
          Show all
        </button>
      </div>
      <p class="flame-said small" role="status">
        {bar ? said(calls, bar) : ""}
      </p>
      <div class="flame-scroll">
        {/* biome-ignore lint/a11y/useSemanticElements: the bars are buttons of one group */}
        <div
          ref={box}
          class="flame"
          role="group"
          aria-label="Functions, each below the one that called it. Arrow keys move, Enter shows one function alone."
          style={{ height: `${depth * 22}px` }}
          onKeyDown={onKeyDown}
        >
          {bars.map((one, place) => (
            <button
              key={`${one.depth} ${one.path.join(" ")}`}
              type="button"
              class="flame-bar"
              tabIndex={place === current ? 0 : -1}
              title={said(calls, one)}
              style={{
                left: `${one.left * 100}%`,
                width: `${one.width * 100}%`,
                top: `${one.depth * 22}px`,
                "--bar": `var(${colourOf(calls.functions[one.fn]?.file ?? "")})`,
              }}
              onFocus={() => setAt(place)}
              onMouseEnter={() => setAt(place)}
              onClick={() => zoom(one)}
            >
              {visible(calls.functions[one.fn]?.name ?? "")}
            </button>
          ))}
        </div>
      </div>
      <p class="small soft">
        A function's time is split among its callers by what each of them called; parts of less than a
        thousandth and repeated recursion are left out.
      </p>
    </section>
  );
}

function said(calls: ProfileCalls, bar: Bar): string {
  const one = calls.functions[bar.fn];
  if (!one) return "";
  const place = placeOf(one);
  return visible(
    `${one.name}${place ? ` (${place})` : ""}: ${duration(bar.seconds)} here, ${duration(one.total_s)} in all, ${duration(one.own_s)} of its own, ${count(one.calls)} ${one.calls === 1 ? "call" : "calls"}`,
  );
}

const COLUMNS: [Column, string][] = [
  ["name", "Function"],
  ["calls", "Calls"],
  ["own", "Own"],
  ["total", "Total"],
  ["per_call", "Per call"],
];

function Table({ calls }: { calls: ProfileCalls }) {
  const [order, setOrder] = useState<Order>({ by: "own", down: true });
  const [text, setText] = useState("");
  const [most, setMost] = useState(ROWS);
  const rows = useMemo(() => listed(calls.functions, text, order), [calls, text, order]);
  return (
    <section class="panel" aria-label="Functions">
      <div class="row spread padded">
        <h2>Functions</h2>
        <input
          type="search"
          value={text}
          placeholder="Name or file"
          aria-label="Search functions"
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="scroll" tabIndex={0} aria-label="Table of functions">
        <table class="profile-table">
          <thead>
            <tr>
              {COLUMNS.map(([by, title]) => (
                <th
                  key={by}
                  scope="col"
                  class={by === "name" ? undefined : "number"}
                  aria-sort={order.by !== by ? "none" : order.down ? "descending" : "ascending"}
                >
                  <button type="button" class="plain small" onClick={() => setOrder(clicked(order, by))}>
                    {title}
                    <span aria-hidden="true">{order.by !== by ? "" : order.down ? " ↓" : " ↑"}</span>
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, most).map((one) => (
              <tr key={`${one.file} ${one.line} ${one.name}`}>
                <td class="profile-name">
                  <span dir="auto">{visible(one.name)}</span>
                  <span class="small soft" dir="auto">
                    {visible(placeOf(one))}
                  </span>
                </td>
                <td class="number">
                  {count(one.calls)}
                  {one.calls === one.primitive_calls ? "" : ` (${count(one.primitive_calls)})`}
                </td>
                <td class="number">{duration(one.own_s)}</td>
                <td class="number">{duration(one.total_s)}</td>
                <td class="number">{duration(perCall(one))}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {rows.length > most ? (
        <p class="padded">
          <button type="button" onClick={() => setMost(most + 5 * ROWS)}>
            Show more ({count(rows.length - most)} left)
          </button>
        </p>
      ) : null}
      {rows.length === 0 ? <p class="padded soft">No function matches.</p> : null}
    </section>
  );
}
