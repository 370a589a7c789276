// Queues: the pipeline, all queues in a table, and one of them in detail.
import { useEffect, useMemo } from "preact/hooks";
import { Link, useLocation } from "wouter-preact";
import { api, data } from "../../api/http";
import type { QueueInfo } from "../../api/types";
import { useLive } from "../../live/useLive";
import { Empty } from "../../ui/Empty";
import { LiveNote } from "../../ui/LiveNote";
import { visible } from "../../ui/text";
import { useBeat, useTicks } from "../jobs/one/useBeat";
import { limiting } from "./limiting";
import { Pipeline } from "./Pipeline";
import { QueuePanel } from "./QueuePanel";
import { QueueTable } from "./QueueTable";
import "./queues.css";

/** Rates fade without anything happening, so they are asked for now and then. */
const BEAT_MS = 5_000;

const FIRST = `numbers, sums = cloud.queue.get("numbers"), cloud.queue.get("sums")
numbers.attach(lambda n: n + 1, sums)    # every message of numbers is handled
numbers.push(range(1000))`;

export default function QueuesPage() {
  const [address] = useLocation();
  const chosen = /^\/queues\/([\w-]+)$/.exec(address)?.[1];
  const found = useLive<QueueInfo[]>(
    "queues",
    ["queues"],
    async (signal) => data(await api.GET("/v1/queues", { signal })).queues,
  );
  useBeat(useTicks(BEAT_MS), found.refresh);
  useEffect(() => {
    document.title = chosen ? `Queue ${chosen} · picloud` : "Queues · picloud";
  }, [chosen]);
  const queues = found.data;
  const limits = useMemo(() => limiting(queues ?? []), [queues]);
  const queue = queues?.find((one) => one.name === chosen);
  const takesErrors =
    queues?.some((one) => one.attachment?.settings.on_error?.some((error) => error.queue === chosen)) ??
    false;
  return (
    <>
      <div class="row spread">
        <h1>Queues</h1>
        {chosen ? <Link href="/queues">All queues</Link> : null}
      </div>
      <LiveNote live={found} />
      {queues === undefined && !found.error ? <div class="queues-space" aria-busy="true" /> : null}
      {queues?.length === 0 ? (
        <Empty title="No queue yet" code={FIRST}>
          <p class="soft">
            Messages wait in queues, and handlers take them in as many jobs as you allow. The pipeline would
            be drawn here.
          </p>
        </Empty>
      ) : null}
      {queues && queues.length > 0 ? (
        <>
          <Pipeline queues={queues} limiting={limits} chosen={chosen} />
          {limits && !queue ? (
            <p class="limiting-note">
              <b>
                <Link href={`/queues/${limits.queue}`}>{visible(limits.queue)}</Link> limits the pipeline.
              </b>{" "}
              {limits.because}
            </p>
          ) : null}
          {chosen && !queue ? <p role="alert">There is no queue {visible(chosen)}.</p> : null}
          {queue ? (
            <QueuePanel queue={queue} takesErrors={takesErrors} limiting={limits} refresh={found.refresh} />
          ) : null}
          <QueueTable queues={queues} limiting={limits} chosen={chosen} />
        </>
      ) : null}
    </>
  );
}
