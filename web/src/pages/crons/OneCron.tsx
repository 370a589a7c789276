// One cron: when it fires, what became of its ticks, and what can be done with it.
import { useState } from "preact/hooks";
import { Link, useLocation } from "wouter-preact";
import { api } from "../../api/http";
import { useLive } from "../../live/useLive";
import { Confirm } from "../../ui/Dialog";
import { LiveNote } from "../../ui/LiveNote";
import { say, sayError } from "../../ui/Notes";
import { Time } from "../../ui/Time";
import { visible } from "../../ui/text";
import { useBeat, useTicks } from "../jobs/one/useBeat";
import { type CronInfo, change, cronOne, runNow } from "./api";
import { EditCron } from "./EditCron";
import { FiringTable } from "./FiringTable";
import { Ticks } from "./Ticks";
import { Until } from "./Until";
import { OVERLAPS } from "./words";
import "../../ui/figures.css";

const BEAT_MS = 15_000;

export function OneCron({ label }: { label: string }) {
  const live = useLive(`cron-${label}`, ["jobs"], (signal) => cronOne(label, signal));
  useBeat(useTicks(BEAT_MS), live.refresh);
  const [beat, setBeat] = useState(0);
  const changed = () => {
    setBeat((n) => n + 1);
    live.refresh();
  };
  const cron = live.data;
  return (
    <>
      <p>
        <Link href="/crons">All crons</Link>
      </p>
      <div class="row spread">
        <h1 class="cron-title">
          {visible(label)} {cron?.paused ? <span class="cron-mark">paused</span> : null}
        </h1>
        {cron ? <Actions cron={cron} changed={changed} /> : null}
      </div>
      <LiveNote live={live} />
      {live.loading ? <div class="panel crons-space" aria-busy="true" /> : null}
      {cron ? (
        <>
          <About cron={cron} />
          <section class="stack" aria-labelledby="cron-next">
            <h2 id="cron-next">Next firings</h2>
            <div class="panel padded next-space">
              {cron.paused ? (
                <p class="soft">None while it is paused. Ticks that pass meanwhile are not made up for.</p>
              ) : cron.next.length === 0 ? (
                <p class="soft">None: there is no such day.</p>
              ) : (
                <Ticks ticks={cron.next} zone={cron.timezone} />
              )}
            </div>
          </section>
          <FiringTable label={label} beat={beat} />
        </>
      ) : null}
    </>
  );
}

function About({ cron }: { cron: CronInfo }) {
  const overlap = OVERLAPS.find((one) => one.overlap === cron.overlap);
  const next = cron.next[0];
  return (
    <dl class="figures panel">
      <div>
        <dt>Schedule</dt>
        <dd>
          <code>{visible(cron.schedule)}</code>
        </dd>
      </div>
      <div>
        <dt>Zone</dt>
        <dd>{visible(cron.timezone)}</dd>
      </div>
      <div>
        <dt>Fires</dt>
        <dd>{next === undefined ? "–" : <Until at={next} />}</dd>
      </div>
      <div>
        <dt>Function</dt>
        <dd>{visible(cron.function)}</dd>
      </div>
      <div>
        <dt>Overlap</dt>
        <dd title={overlap?.means}>{overlap?.title ?? cron.overlap}</dd>
      </div>
      <div>
        <dt>Runs on</dt>
        <dd>
          {cron.cores} × {cron.core_type}
        </dd>
      </div>
      <div>
        <dt>Registered</dt>
        <dd>
          <Time at={cron.created} brief />
          {cron.creator_host ? <span class="small soft"> on {visible(cron.creator_host)}</span> : null}
        </dd>
      </div>
    </dl>
  );
}

type Asked = "edit" | "deregister";

function Actions({ cron, changed }: { cron: CronInfo; changed: () => void }) {
  const { label } = cron;
  const [asked, setAsked] = useState<Asked | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const [, go] = useLocation();
  const close = () => setAsked(undefined);
  const act = async (what: () => Promise<string>) => {
    setBusy(true);
    try {
      say(await what());
      changed();
    } catch (error) {
      sayError(error);
    } finally {
      setBusy(false);
    }
  };
  const run = () => act(async () => `${label} runs as job ${await runNow(label)}`);
  const pause = () =>
    act(async () => {
      const { paused } = await change(label, { paused: !cron.paused });
      return paused ? `${label} is paused` : `${label} goes on`;
    });
  const deregister = async () => {
    await api.DELETE("/v1/crons/{label}", { params: { path: { label } } });
    say(`${label} is deregistered`);
    go("/crons");
  };
  return (
    <div class="row">
      <button type="button" class="primary" disabled={busy} onClick={run}>
        Run now
      </button>
      <button type="button" disabled={busy} onClick={pause}>
        {cron.paused ? "Resume" : "Pause"}
      </button>
      <button type="button" onClick={() => setAsked("edit")}>
        Edit
      </button>
      <button type="button" class="danger" onClick={() => setAsked("deregister")}>
        Deregister
      </button>
      {asked === "edit" ? <EditCron cron={cron} onSaved={changed} onClose={close} /> : null}
      {asked === "deregister" ? (
        <Confirm title={`Deregister ${label}?`} verb="Deregister" act={deregister} onClose={close}>
          It fires no more, and its history is gone. Jobs that it made stay.
        </Confirm>
      ) : null}
    </div>
  );
}
