// What became of a cron's ticks, the newest first.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Link } from "wouter-preact";
import { useLive } from "../../live/useLive";
import { LiveNote } from "../../ui/LiveNote";
import { Status } from "../../ui/Status";
import { Time } from "../../ui/Time";
import { visible } from "../../ui/text";
import { useBeat } from "../jobs/one/useBeat";
import { type Firing, history } from "./api";
import { firingNote, kindWords } from "./words";

const ROWS = 50;
/** As many as are kept. */
const ROWS_MOST = 1_000;

const SIGNS: Record<Firing["kind"], ComponentChildren> = {
  fired: <path d="M2 6.5l2.7 2.8L10 3.2" />,
  manual: <path d="M3 2l7 4-7 4z" fill="currentColor" />,
  overlapped: <path d="M2 3l4 3-4 3M6 3l4 3-4 3" />,
  missed: <circle cx="6" cy="6" r="4" stroke-dasharray="2.2 2" />,
  failed: <path d="M2.5 2.5l7 7M9.5 2.5l-7 7" />,
};

export function FiringTable({ label, beat }: { label: string; beat: number }) {
  const [rows, setRows] = useState(ROWS);
  const live = useLive(`cron-history-${label}-${rows}`, ["jobs"], (signal) => history(label, rows, signal));
  useBeat(beat, live.refresh);
  const firings = live.data?.firings;
  return (
    <section class="stack" aria-labelledby="cron-history">
      <h2 id="cron-history">History</h2>
      <LiveNote live={live} />
      <div class="panel history-space" aria-busy={firings === undefined && !live.error ? "true" : undefined}>
        {firings?.length === 0 ? <p class="padded soft">It has not fired yet.</p> : null}
        {firings && firings.length > 0 ? (
          <table class="cards">
            <thead>
              <tr>
                <th scope="col">What</th>
                <th scope="col">Due</th>
                <th scope="col">Job</th>
                <th scope="col">Note</th>
              </tr>
            </thead>
            <tbody>
              {firings.map((one) => (
                <tr key={one.id}>
                  <td>
                    <span class={`firing ${one.kind}`}>
                      <svg
                        viewBox="0 0 12 12"
                        fill="none"
                        stroke="currentColor"
                        stroke-width="1.8"
                        aria-hidden="true"
                      >
                        {SIGNS[one.kind]}
                      </svg>
                      {kindWords(one.kind)}
                    </span>
                  </td>
                  <td data-label="Due">
                    <Time at={one.tick} />
                  </td>
                  <td data-label="Job">
                    {one.jid ? (
                      <span class="firing-job">
                        <Link href={`/jobs/${one.jid}`}>{one.jid}</Link>
                        <JobStatus status={live.data?.statuses.get(one.jid)} />
                      </span>
                    ) : (
                      <span class="soft">none</span>
                    )}
                  </td>
                  <td data-label="Note" class="small">
                    {visible(firingNote(one)) || <span class="soft">–</span>}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        ) : null}
        {firings && firings.length === rows && rows < ROWS_MOST ? (
          <p class="padded">
            <button type="button" onClick={() => setRows(Math.min(ROWS_MOST, rows * 4))}>
              Show more
            </button>
          </p>
        ) : null}
      </div>
    </section>
  );
}

function JobStatus({ status }: { status: string | undefined }) {
  return status ? <Status status={status} /> : <span class="small soft">not in the list any more</span>;
}
