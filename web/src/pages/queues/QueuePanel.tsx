// One queue: how it stands, what handles it, and what can be done about both.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Link, useLocation } from "wouter-preact";
import { api, data } from "../../api/http";
import type { QueueInfo } from "../../api/types";
import { useQuery } from "../../ui/address";
import { Confirm } from "../../ui/Dialog";
import { count, duration, rate } from "../../ui/format";
import { say, sayError } from "../../ui/Notes";
import { Time } from "../../ui/Time";
import { visible } from "../../ui/text";
import "../../ui/figures.css";
import { Tabs } from "../../ui/Tabs";
import type { Limiting } from "./limiting";
import { MaxJobs } from "./MaxJobs";
import { Messages } from "./Messages";
import { Throughput } from "./Throughput";
import { Versions } from "./Versions";

interface PanelProps {
  queue: QueueInfo;
  /** Other queues' errors come here. */
  takesErrors: boolean;
  limiting: Limiting | undefined;
  refresh: () => void;
}

export function QueuePanel({ queue, takesErrors, limiting, refresh }: PanelProps) {
  const [query, change] = useQuery();
  const [beat, setBeat] = useState(0);
  const changed = () => {
    setBeat((n) => n + 1);
    refresh();
  };
  const tabs = [
    { name: "throughput", title: "Throughput" },
    { name: "messages", title: "Messages" },
    { name: "settings", title: "Handler" },
    { name: "versions", title: "Versions" },
  ];
  const chosen = tabs.find((tab) => tab.name === query.get("tab"))?.name ?? "throughput";
  return (
    <section class="stack" aria-labelledby="queue-name">
      <div class="row spread">
        <h2 id="queue-name" class="queue-name">
          {visible(queue.name)}
          {queue.paused ? <span class="tag">paused</span> : null}
        </h2>
        <Actions queue={queue} takesErrors={takesErrors} changed={changed} />
      </div>
      {limiting?.queue === queue.name ? (
        <p class="limiting-note">
          <b>This stage limits the pipeline.</b> {limiting.because} More parallel jobs would help, as far as
          workers have room.
        </p>
      ) : null}
      <dl class="figures panel">
        <Figure name="Messages" value={count(queue.count)} />
        <Figure name="In flight" value={count(queue.in_flight)} />
        <Figure name="Delayed" value={queue.delayed >= 10_000 ? "10,000 or more" : count(queue.delayed)} />
        <Figure name="Oldest" value={queue.oldest_age_ms ? duration(queue.oldest_age_ms / 1000) : "–"} />
        <Figure name="In" value={rate(queue.enqueued_per_s)} />
        <Figure name="Out" value={rate(queue.dequeued_per_s)} />
        <Figure name="Empty in" value={drain(queue)} />
        <Figure name="Kept for" value={duration(queue.retention_s)} />
      </dl>
      {queue.attachment ? (
        <div class="row handler-row">
          <span>
            Handled by <b>{visible(queue.attachment.handler)}</b>, {queue.attachment.jobs}{" "}
            {queue.attachment.jobs === 1 ? "job" : "jobs"} now.
          </span>
          <MaxJobs key={queue.name} queue={queue} onChanged={refresh} />
          <Link href={`/jobs?queue=${queue.name}`}>View jobs</Link>
        </div>
      ) : (
        <p class="soft">Nothing is attached: messages wait until somebody pops them.</p>
      )}
      <Tabs label="About the queue" tabs={tabs} chosen={chosen} choose={(tab) => change({ tab }, true)}>
        {chosen === "throughput" ? (
          <div class="panel padded">
            <Throughput key={queue.name} name={queue.name} />
          </div>
        ) : null}
        {chosen === "messages" ? <Messages key={queue.name} name={queue.name} beat={beat} /> : null}
        {chosen === "settings" ? <Settings queue={queue} /> : null}
        {chosen === "versions" ? <Versions queue={queue} onChanged={changed} /> : null}
      </Tabs>
    </section>
  );
}

function drain(queue: QueueInfo): string {
  if (queue.count === 0) return "it is empty";
  return queue.time_to_drain_s ? duration(queue.time_to_drain_s) : "–";
}

function Figure({ name, value }: { name: string; value: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

type Asked = "purge" | "redrive" | "delete";

function Actions({
  queue,
  takesErrors,
  changed,
}: {
  queue: QueueInfo;
  takesErrors: boolean;
  changed: () => void;
}) {
  const [asked, setAsked] = useState<Asked | undefined>(undefined);
  const [, go] = useLocation();
  const params = { path: { queue: queue.name } };
  const pause = async () => {
    try {
      data(await api.PATCH("/v1/queues/{queue}", { params, body: { paused: !queue.paused } }));
      say(queue.paused ? `${queue.name} goes on` : `${queue.name} is paused`);
      changed();
    } catch (error) {
      sayError(error);
    }
  };
  const messages = (moved: number) => `${count(moved)} ${moved === 1 ? "message was" : "messages were"}`;
  const purge = async () => {
    const { moved } = data(await api.POST("/v1/queues/{queue}/purge", { params, body: {} }));
    say(`${messages(moved)} removed`);
    changed();
  };
  const redrive = async () => {
    const { moved } = data(await api.POST("/v1/queues/{queue}/redrive", { params, body: {} }));
    say(`${messages(moved)} sent back`);
    changed();
  };
  const remove = async () => {
    await api.DELETE("/v1/queues/{queue}", { params });
    say(`${queue.name} is deleted`);
    go("/queues");
    changed();
  };
  const close = () => setAsked(undefined);
  return (
    <div class="row">
      <button type="button" onClick={pause}>
        {queue.paused ? "Resume" : "Pause"}
      </button>
      {takesErrors ? (
        <button type="button" disabled={queue.count === 0} onClick={() => setAsked("redrive")}>
          Redrive
        </button>
      ) : null}
      <button type="button" class="danger" disabled={queue.count === 0} onClick={() => setAsked("purge")}>
        Purge
      </button>
      <button type="button" class="danger" onClick={() => setAsked("delete")}>
        Delete
      </button>
      {asked === "redrive" ? (
        <Confirm
          title={`Send the errors in ${queue.name} back?`}
          verb="Redrive"
          act={redrive}
          onClose={close}
        >
          Each error message returns, as it was, to the queue whose handler failed, with no retry counted.
          Messages without an error stay.
        </Confirm>
      ) : null}
      {asked === "purge" ? (
        <Confirm title={`Remove all messages of ${queue.name}?`} verb="Purge" act={purge} onClose={close}>
          All messages that wait, {count(queue.count - queue.in_flight)} now, are removed for good. Those in
          flight stay.
        </Confirm>
      ) : null}
      {asked === "delete" ? (
        <Confirm title={`Delete queue ${queue.name}?`} verb="Delete" act={remove} onClose={close}>
          The queue is removed for good with its {count(queue.count)} messages
          {queue.attachment ? ", and its handler is detached: its jobs end" : ""}.
        </Confirm>
      ) : null}
    </div>
  );
}

function Settings({ queue }: { queue: QueueInfo }) {
  const attached = queue.attachment;
  if (!attached) return <p class="soft">Nothing is attached to this queue.</p>;
  const settings = attached.settings;
  const list = (values: readonly string[] | undefined) => (values?.length ? visible(values.join(", ")) : "–");
  const facts: [string, ComponentChildren][] = [
    ["Handler", visible(attached.handler)],
    ["Version", `${attached.version}`],
    ["Attached", <Time key="at" at={attached.attached} long />],
    ["Cores", `${attached.cores} × ${attached.core_type}`],
    ["Label", attached.label ? visible(attached.label) : "–"],
    ["Code version", attached.code_version ? attached.code_version.slice(0, 12) : "nothing was shipped"],
    ["Readers in each job", String(settings.readers_per_job ?? 1)],
    ["Output goes to", list(settings.output_queues)],
    ["Each element is a message", settings.iter_output ? "yes" : "no"],
    ["Retried", list(settings.retry_on)],
    [
      "Most retries",
      settings.max_retries === null || settings.max_retries === undefined
        ? "–"
        : String(settings.max_retries),
    ],
    ["Delay of a retry", settings.retry_delay_s ? duration(settings.retry_delay_s) : "–"],
    ["Crashes until it fails", String(settings.max_crashes ?? 3)],
    [
      "Errors go to",
      (settings.on_error ?? []).length > 0
        ? (settings.on_error ?? []).map((one) => (
            <span key={one.exception} class="error-output">
              {visible(one.exception)}: <Link href={`/queues/${one.queue}`}>{visible(one.queue)}</Link>
              {one.delay_s ? `, after ${duration(one.delay_s)}` : ""}
            </span>
          ))
        : "–",
    ],
  ];
  return (
    <section class="panel padded">
      <dl class="facts">
        {facts.map(([name, value]) => (
          <>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </>
        ))}
      </dl>
    </section>
  );
}
