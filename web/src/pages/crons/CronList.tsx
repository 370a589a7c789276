// All crons in a table.
import { useState } from "preact/hooks";
import { Link } from "wouter-preact";
import { useLive } from "../../live/useLive";
import { Empty } from "../../ui/Empty";
import { count } from "../../ui/format";
import { LiveNote } from "../../ui/LiveNote";
import { Status } from "../../ui/Status";
import { Time } from "../../ui/Time";
import { visible } from "../../ui/text";
import { useBeat, useTicks } from "../jobs/one/useBeat";
import { type CronInfo, crons } from "./api";
import { Until } from "./Until";

const FIRST = `import cloud
def heartbeat(): print("still here")
cloud.cron.register(heartbeat, "heartbeat", "*/5 * * * *")    # every five minutes`;
const BEAT_MS = 15_000;
/** Rows at first, and with each click. */
const ROWS = 200;
/** From so many crons on one searches them. */
const SEARCH_FROM = 15;

export function CronList() {
  const live = useLive("crons", ["jobs"], crons);
  useBeat(useTicks(BEAT_MS), live.refresh);
  const [text, setText] = useState("");
  const [most, setMost] = useState(ROWS);
  const wanted = text.trim().toLowerCase();
  const all = live.data?.crons ?? [];
  const found = all.filter(
    (cron) => cron.label.toLowerCase().includes(wanted) || cron.function.toLowerCase().includes(wanted),
  );
  return (
    <>
      <div class="row spread">
        <h1>Crons</h1>
        {all.length >= SEARCH_FROM ? (
          <input
            type="search"
            value={text}
            placeholder="Label or function"
            aria-label="Search crons"
            onInput={(event) => setText(event.currentTarget.value)}
          />
        ) : null}
      </div>
      <LiveNote live={live} />
      {live.loading ? <div class="panel crons-space" aria-busy="true" /> : null}
      {live.data && all.length === 0 ? (
        <div class="panel">
          <Empty title="No cron yet" code={FIRST}>
            <p class="soft">
              A cron runs a function at the times of a schedule, each time as a job. Its next firings, and
              what became of the last ones, would be here.
            </p>
          </Empty>
        </div>
      ) : null}
      {all.length > 0 ? (
        <section class="panel" aria-label="All crons">
          <table class="cards">
            <thead>
              <tr>
                <th scope="col">Cron</th>
                <th scope="col">Schedule</th>
                <th scope="col">Next firing</th>
                <th scope="col">Last run</th>
              </tr>
            </thead>
            <tbody>
              {found.slice(0, most).map((cron) => (
                <Row key={cron.label} cron={cron} status={live.data?.statuses.get(cron.last_jid ?? 0)} />
              ))}
            </tbody>
          </table>
          {found.length === 0 ? <p class="padded soft">No cron matches.</p> : null}
          {found.length > most ? (
            <p class="padded">
              <button type="button" onClick={() => setMost(most + ROWS)}>
                Show more ({count(found.length - most)} left)
              </button>
            </p>
          ) : null}
        </section>
      ) : null}
    </>
  );
}

function Row({ cron, status }: { cron: CronInfo; status: string | undefined }) {
  const next = cron.next[0];
  return (
    <tr>
      <td>
        <div class="cron-name">
          <Link href={`/crons/${encodeURIComponent(cron.label)}`}>{visible(cron.label)}</Link>
          <span class="small soft cut">{visible(cron.function)}</span>
        </div>
      </td>
      <td data-label="Schedule">
        <div>
          <code>{visible(cron.schedule)}</code>
          <div class="small soft">{visible(cron.timezone)}</div>
        </div>
      </td>
      <td data-label="Next firing">
        {cron.paused ? (
          <span class="cron-mark">paused</span>
        ) : next === undefined ? (
          <span class="soft">never</span>
        ) : (
          <div>
            <Time at={next} brief />
            <div class="small soft cron-until">
              <Until at={next} />
            </div>
          </div>
        )}
      </td>
      <td data-label="Last run">
        {cron.last_run ? (
          <div>
            <Time at={cron.last_run} brief />
            <div class="small">
              {cron.last_jid ? (
                <Link href={`/jobs/${cron.last_jid}`}>
                  <span class="visually-hidden">job {cron.last_jid}: </span>
                  {status ? <Status status={status} /> : "its job is gone"}
                </Link>
              ) : null}
            </div>
          </div>
        ) : (
          <span class="soft">none yet</span>
        )}
      </td>
    </tr>
  );
}
