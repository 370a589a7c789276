// What jobs used, and what it costs.
import { useEffect } from "preact/hooks";
import { api, data } from "../../api/http";
import type { UsageReply, UsageRow } from "../../api/types";
import { useLive } from "../../live/useLive";
import { useSession } from "../../shell/session";
import { useQuery } from "../../ui/address";
import { csv, download } from "../../ui/csv";
import { Empty } from "../../ui/Empty";
import { count, duration, money } from "../../ui/format";
import { LiveNote } from "../../ui/LiveNote";
import { shortened, visible } from "../../ui/text";
import "../../ui/cards.css";
import { Bars } from "./Bars";
import { PERIODS, type Period, periodOf } from "./period";
import { GROUPS, type Group, groupsOf, lines, MEASURES, type Measure, measured, nameOf } from "./rows";
import "./usage.css";

/** Sums move slowly; asking at every change of a job would be for nothing. */
const AGAIN_MS = 15_000;
/** Rows that are drawn; the file has all. */
const ROWS_MAX = 500;

const FIRST_LINES = `import cloud
jid = cloud.call(lambda: sum(range(10**7)), _label="first")
print(cloud.result(jid))`;

export default function UsagePage() {
  const { session } = useSession();
  const [query, change] = useQuery();
  const period = periodOf(query.get("period") ?? "30d", Date.now(), {
    from: query.get("from") ?? "",
    to: query.get("to") ?? "",
  });
  const all = session.admin && query.get("all") === "1";
  const groups = groupsOf(query.get("by"), all);

  const asked = { ...period, group_by: groups.join(","), all_accounts: all };
  const live = useLive(JSON.stringify(asked), [], async (signal) => {
    const ask = async (by: string) =>
      data(
        await api.GET("/v1/usage", {
          params: { query: { ...period, all_accounts: all, ...(by === "" ? {} : { group_by: by }) } },
          signal,
        }),
      );
    const [table, days] = await Promise.all([ask(asked.group_by), ask("day")]);
    return { table, days, groups, period };
  });
  useEffect(() => {
    const timer = window.setInterval(live.refresh, AGAIN_MS);
    return () => window.clearInterval(timer);
  }, [live.refresh]);

  const found = live.data;
  const chosen = query.get("show") as Measure | null;
  const measure = chosen ?? (found && found.table.total.cost === 0 ? "core" : "cost");
  return (
    <>
      <div class="row spread">
        <h1>Usage and cost</h1>
        <button
          type="button"
          disabled={!found || found.table.rows.length === 0}
          onClick={() => found && save(found.table, found.groups)}
        >
          Download as CSV
        </button>
      </div>
      <Choices period={period} groups={groups} measure={measure} all={all} query={query} change={change} />
      <LiveNote live={live} />
      <Sums reply={found?.table} />
      <div class="panel">
        {found ? (
          <Bars
            rows={found.days.rows.map((row) => ({ day: row.day ?? "", value: measured(row, measure) }))}
            period={found.period}
            title={MEASURES.find((one) => one.name === measure)?.title ?? ""}
            say={(value) => said(value, measure, found.table.currency)}
          />
        ) : (
          <div class="bars" aria-busy={!live.error} />
        )}
      </div>
      {found ? <Table reply={found.table} groups={found.groups} measure={measure} /> : null}
    </>
  );
}

function Choices({
  period,
  groups,
  measure,
  all,
  query,
  change,
}: {
  period: Period;
  groups: readonly Group[];
  measure: Measure;
  all: boolean;
  query: URLSearchParams;
  change: (changes: Record<string, string | undefined>, replace?: boolean) => void;
}) {
  const { session } = useSession();
  const name = query.get("period") ?? "30d";
  const pick = (group: Group, on: boolean) => {
    const next = GROUPS.map((one) => one.name).filter((one) => (one === group ? on : groups.includes(one)));
    change({ by: next.length === 0 ? "none" : next.join(",") }, true);
  };
  return (
    <div class="usage-choices">
      <label class="field">
        <span>Period (UTC)</span>
        <select
          value={name}
          onChange={(event) => {
            const chosen = event.currentTarget.value;
            change(
              chosen === "own"
                ? { period: chosen, from: period.from, to: period.to }
                : { period: chosen, from: undefined, to: undefined },
            );
          }}
        >
          {PERIODS.map((one) => (
            <option key={one.name} value={one.name}>
              {one.title}
            </option>
          ))}
        </select>
      </label>
      {name === "own"
        ? (["from", "to"] as const).map((end) => (
            <label class="field" key={end}>
              <span>{end === "from" ? "First day" : "Last day"}</span>
              <input
                type="date"
                required
                value={period[end]}
                onChange={(event) => change({ [end]: event.currentTarget.value }, true)}
              />
            </label>
          ))
        : null}
      <label class="field">
        <span>Show</span>
        <select value={measure} onChange={(event) => change({ show: event.currentTarget.value }, true)}>
          {MEASURES.map((one) => (
            <option key={one.name} value={one.name}>
              {one.title}
            </option>
          ))}
        </select>
      </label>
      <fieldset>
        <legend>Group by</legend>
        {GROUPS.filter((group) => group.name !== "account" || all).map((group) => (
          <label class="check" key={group.name}>
            <input
              type="checkbox"
              checked={groups.includes(group.name)}
              onChange={(event) => pick(group.name, event.currentTarget.checked)}
            />
            {group.title}
          </label>
        ))}
      </fieldset>
      {session.admin ? (
        <fieldset>
          <label class="check">
            <input
              type="checkbox"
              checked={all}
              onChange={(event) => change({ all: event.currentTarget.checked ? "1" : undefined }, true)}
            />
            All accounts
          </label>
        </fieldset>
      ) : null}
    </div>
  );
}

function Sums({ reply }: { reply: UsageReply | undefined }) {
  const total = reply?.total;
  return (
    <dl class="panel sums">
      <div>
        <dt>Cost</dt>
        <dd>{total ? money(total.cost, reply.currency) : "–"}</dd>
      </div>
      <div>
        <dt>Core time</dt>
        <dd>{total ? duration(total.core_ms / 1000) : "–"}</dd>
      </div>
      <div>
        <dt>Processor time used</dt>
        <dd>{total ? duration(total.cpu_us / 1e6) : "–"}</dd>
      </div>
      <div>
        <dt>Jobs that ended</dt>
        <dd>{count(total?.jobs)}</dd>
      </div>
    </dl>
  );
}

function Table({
  reply,
  groups,
  measure,
}: {
  reply: UsageReply;
  groups: readonly Group[];
  measure: Measure;
}) {
  if (reply.total.jobs === 0) {
    return (
      <div class="panel">
        <Empty title="What jobs used is summed up here. None ended in this period." code={FIRST_LINES} />
      </div>
    );
  }
  const whole = measured(reply.total, measure);
  const shown = reply.rows.slice(0, ROWS_MAX);
  return (
    <>
      <div class="panel scroll">
        <table class="cards usage-table">
          <caption class="visually-hidden">
            Usage from {reply.from} to {reply.to}
          </caption>
          <thead>
            <tr>
              {groups.length === 0 ? <th scope="col">Sum of</th> : null}
              {groups.map((group) => (
                <th scope="col" key={group}>
                  {GROUPS.find((one) => one.name === group)?.title}
                </th>
              ))}
              <th scope="col" class="number">
                Jobs
              </th>
              <th scope="col" class="number">
                Core time
              </th>
              <th scope="col" class="number">
                Processor time
              </th>
              <th scope="col" class="number">
                Cost
              </th>
              <th scope="col">Share</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <tr key={groups.map((group) => row[group]).join("\u0000")}>
                {groups.length === 0 ? <td>everything</td> : null}
                {groups.map((group) => (
                  <Name key={group} row={row} group={group} />
                ))}
                <td class="number" data-label="Jobs">
                  {count(row.jobs)}
                </td>
                <td class="number" data-label="Core time">
                  {duration(row.core_ms / 1000)}
                </td>
                <td class="number" data-label="Processor">
                  {duration(row.cpu_us / 1e6)}
                </td>
                <td class="number" data-label="Cost">
                  {money(row.cost, reply.currency)}
                </td>
                <td class="share" data-label="Share">
                  <Share part={whole > 0 ? measured(row, measure) / whole : 0} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {reply.rows.length > shown.length ? (
        <p class="soft">
          The first {count(shown.length)} of {count(reply.rows.length)} rows. The CSV file has all of them.
        </p>
      ) : null}
    </>
  );
}

function Name({ row, group }: { row: UsageRow; group: Group }) {
  const { text, nothing } = nameOf(row, group);
  return (
    <td data-label={GROUPS.find((one) => one.name === group)?.title}>
      <span class={nothing ? "soft" : "name"}>{visible(shortened(text, 200))}</span>
    </td>
  );
}

function Share({ part }: { part: number }) {
  const percent = Math.min(100, part * 100);
  return (
    <svg role="img" aria-label={`${percent.toFixed(1)} %`}>
      <title>{`${percent.toFixed(1)} %`}</title>
      <rect class="ground" width="100%" height="100%" rx="3" />
      <rect width={`${percent}%`} height="100%" rx="3" />
    </svg>
  );
}

function said(value: number, measure: Measure, currency: string): string {
  if (measure === "cost") return money(value, currency);
  if (measure === "jobs") return value === 1 ? "1 job" : `${count(value)} jobs`;
  return duration(value * 3600);
}

function save(reply: UsageReply, groups: readonly Group[]): void {
  download(`picloud-usage-${reply.from}-to-${reply.to}.csv`, csv(lines(reply, groups)), "text/csv");
}
