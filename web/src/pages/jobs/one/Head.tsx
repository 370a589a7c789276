// The top of a job's page: what it is, how it stands, what can be done, where it belongs.
import { useState } from "preact/hooks";
import { Link, useLocation } from "wouter-preact";
import { api, data } from "../../../api/http";
import { type JobInfo, UNFINISHED } from "../../../api/types";
import { Confirm } from "../../../ui/Dialog";
import { bytes, count, duration, money, significant } from "../../../ui/format";
import { say } from "../../../ui/Notes";
import { Status } from "../../../ui/Status";
import { Time, useSecond } from "../../../ui/Time";
import { shortened, visible } from "../../../ui/text";
import { idsOf, verdictWords } from "./words";

const IDS_MOST = 12;

interface HeadProps {
  info: JobInfo;
  currency: string;
  /** The job is about to be deleted, or after all it is not. */
  onLeaving: (leaving: boolean) => void;
}

export function Head({ info, currency, onLeaving }: HeadProps) {
  const name = info.spec.function_name || "function";
  const failure = info.failure;
  return (
    <header class="job-head stack">
      <div class="job-title">
        <p class="small">
          <Link href="/jobs">Jobs</Link> <span class="soft">/ {info.jid}</span>
        </p>
        <h1 dir="auto">{visible(shortened(name, 200))}</h1>
        <div class="row">
          <Status status={info.status} />
          {info.spec.label ? (
            <Link class="label" href={`/jobs?label=${encodeURIComponent(info.spec.label)}`} dir="auto">
              {visible(info.spec.label)}
            </Link>
          ) : null}
          <span class="small soft">
            created <Time at={info.created} />
            {info.attempt > 1 ? `, attempt ${info.attempt}` : ""}
          </span>
          <Actions info={info} onLeaving={onLeaving} />
        </div>
      </div>
      {info.waiting_because ? (
        <p class="why">
          <b>Why is it waiting?</b> {visible(info.waiting_because)}
        </p>
      ) : null}
      {failure ? (
        <div class={info.status === "killed" ? "why" : "why bad"}>
          <p>{visible(verdictWords(failure.verdict))}</p>
          {failure.hint ? <p class="small">{visible(failure.hint)}</p> : null}
        </div>
      ) : null}
      <Strip info={info} currency={currency} />
      <Links info={info} />
    </header>
  );
}

function Actions({ info, onLeaving }: Pick<HeadProps, "info" | "onLeaving">) {
  const [asked, setAsked] = useState<"kill" | "delete" | undefined>(undefined);
  const [, go] = useLocation();
  const jids = String(info.jid);
  const isUnfinished = UNFINISHED.has(info.status);
  const kill = async () => {
    const { killed } = data(await api.POST("/v1/jobs/kill", { body: { jids } }));
    say(killed === 0 ? "The job had ended before" : "The job is killed");
  };
  const remove = async () => {
    onLeaving(true);
    try {
      data(await api.POST("/v1/jobs/delete", { body: { jids } }));
    } catch (error) {
      onLeaving(false);
      throw error;
    }
    say(`Job ${jids} is deleted`);
    go("/jobs");
  };
  return (
    <div class="row actions">
      {isUnfinished ? (
        <button type="button" class="danger" onClick={() => setAsked("kill")}>
          Kill
        </button>
      ) : (
        <button type="button" class="danger" onClick={() => setAsked("delete")}>
          Delete
        </button>
      )}
      {asked === "kill" ? (
        <Confirm title={`Kill job ${jids}?`} verb="Kill" act={kill} onClose={() => setAsked(undefined)}>
          It ends at once, and is not started again.
        </Confirm>
      ) : null}
      {asked === "delete" ? (
        <Confirm title={`Delete job ${jids}?`} verb="Delete" act={remove} onClose={() => setAsked(undefined)}>
          Its result, its output and everything else about it are removed for good. What it cost stays in the
          usage.
        </Confirm>
      ) : null}
    </div>
  );
}

/** The figures one looks for first. */
function Strip({ info, currency }: { info: JobInfo; currency: string }) {
  const usage = info.usage;
  const live = info.live;
  return (
    <dl class="figures panel">
      <div>
        <dt>Run time</dt>
        <dd>
          <RunTime info={info} />
        </dd>
      </div>
      <div>
        <dt>Processor</dt>
        <dd>
          {live
            ? `${significant(live.cpu_cores)} cores now`
            : usage
              ? `${duration(info.cpu_user)} user, ${duration(info.cpu_system)} system`
              : "–"}
        </dd>
      </div>
      <div>
        <dt>Memory</dt>
        <dd>
          {live
            ? `${bytes(live.sample.memory_bytes ?? 0)} now`
            : usage?.memory_peak_bytes
              ? `${bytes(usage.memory_peak_bytes)} at most`
              : "–"}
        </dd>
      </div>
      <div>
        <dt>MemAlloc fails</dt>
        <dd>{usage ? count(usage.memory_failures ?? 0) : "–"}</dd>
      </div>
      <div>
        <dt>Cores</dt>
        <dd>
          {info.spec.cores ?? 1} × {info.spec.core_type ?? "c1"}
        </dd>
      </div>
      <div>
        <dt>Cost</dt>
        <dd>{money(info.cost, currency)}</dd>
      </div>
    </dl>
  );
}

function RunTime({ info }: { info: JobInfo }) {
  if (info.status !== "processing" || !info.started) return <>{duration(info.runtime)}</>;
  return <Counting from={info.started} />;
}

function Counting({ from }: { from: number }) {
  const now = useSecond();
  return <>{duration(Math.max(0, Math.round((now - from) / 1000)))}</>;
}

function Links({ info }: { info: JobInfo }) {
  const { ids, total } = idsOf(info.depends_on ?? "", IDS_MOST);
  const map = info.map;
  return (
    <ul class="job-links small">
      {info.parent_jid ? (
        <li>
          made by <Link href={`/jobs/${info.parent_jid}`}>job {info.parent_jid}</Link>
        </li>
      ) : null}
      {map ? (
        <li>
          {count(info.jid - map.first + 1)} of {count(map.count)} in{" "}
          <Link href={`/jobs?map=${map.first}`}>its map</Link>
        </li>
      ) : null}
      {total > 0 ? (
        <li>
          {info.status === "waiting" ? "waits for" : "waited for"}{" "}
          {ids.map((jid, at) => (
            <>
              {at > 0 ? ", " : ""}
              <Link key={jid} href={`/jobs/${jid}`}>
                {jid}
              </Link>
            </>
          ))}
          {total > ids.length ? ` and ${count(total - ids.length)} more` : ""}
        </li>
      ) : null}
      {info.spec.queue ? (
        <li>
          handles{" "}
          <Link href={`/queues/${encodeURIComponent(info.spec.queue)}`}>{visible(info.spec.queue)}</Link>
        </li>
      ) : null}
      {info.worker ? (
        <li>
          on worker <Link href="/workers">{visible(info.worker)}</Link>
        </li>
      ) : null}
      <li>
        <Link href={`/jobs?parent=${info.jid}`}>jobs it made</Link>
      </li>
      <li>
        <Link href={`/jobs?function=${encodeURIComponent(info.spec.function_name ?? "")}`}>
          jobs of the same function
        </Link>
      </li>
    </ul>
  );
}
