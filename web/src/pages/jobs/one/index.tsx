// One job: everything that is known of it, live while it runs.
import { lazy, Suspense } from "preact/compat";
import { useEffect, useState } from "preact/hooks";
import { Link } from "wouter-preact";
import { api, data, Refusal } from "../../../api/http";
import { type JobInfo, type ServiceInfo, UNFINISHED } from "../../../api/types";
import { useLive } from "../../../live/useLive";
import { useQuery } from "../../../ui/address";
import { LiveNote } from "../../../ui/LiveNote";
import { ErrorNote } from "../../../ui/Notes";
import { Tabs } from "../../../ui/Tabs";
import { shortened, visible } from "../../../ui/text";
import { useCurrency } from "../list/useCurrency";
import { Details } from "./Details";
import { Exception } from "./Exception";
import { Head } from "./Head";
import { Output } from "./Output";
import { useBeat, useTicks } from "./useBeat";
import "../../../ui/figures.css";
import "./one.css";

const Usage = lazy(async () => ({ default: (await import("./usage/Usage")).Usage }));
const Profile = lazy(async () => ({ default: (await import("./profile/Profile")).Profile }));

/** How often figures are asked for again while a job runs, and the reason while it waits. */
const BEAT_MS = 2_000;

export default function JobPage({ jid }: { jid: number }) {
  // Of a job that is being deleted nothing is asked any more: it may be gone before the answer says so.
  const [leaving, setLeaving] = useState(false);
  const [gone, setGone] = useState(false);
  if (gone) return <Missing jid={jid} />;
  if (leaving)
    return (
      <section class="job-skeleton stack" aria-busy="true">
        <h1>Job {jid}</h1>
        <p class="soft">It is being deleted…</p>
      </section>
    );
  return <LiveJob jid={jid} onLeaving={setLeaving} onGone={() => setGone(true)} />;
}

interface LiveProps {
  jid: number;
  onLeaving: (leaving: boolean) => void;
  /** There is no such job, or not any more. */
  onGone: () => void;
}

function LiveJob({ jid, onLeaving, onGone }: LiveProps) {
  const found = useLive<JobInfo | undefined>(`job-${jid}`, ["jobs"], async (signal) => {
    const reply = data(await api.POST("/v1/jobs/info", { body: { jids: String(jid) }, signal }));
    return reply.info[jid];
  });
  // While another job is on its way, what was seen before is not this one's.
  const info = found.data?.jid === jid ? found.data : undefined;
  const beat = useTicks(info && UNFINISHED.has(info.status) ? BEAT_MS : undefined);
  useBeat(beat, found.refresh);
  useTitle(jid, info);
  const isGone = found.error instanceof Refusal && found.error.status === 404;
  // biome-ignore lint/correctness/useExhaustiveDependencies: told once
  useEffect(() => {
    if (isGone) onGone();
  }, [isGone]);
  if (found.error && !info) return isGone ? null : <ErrorNote error={found.error} />;
  if (!info) return <Skeleton jid={jid} />;
  return (
    <>
      <LiveNote live={found} />
      <Job info={info} beat={beat} onLeaving={onLeaving} />
    </>
  );
}

function useTitle(jid: number, info: JobInfo | undefined): void {
  const said = info
    ? `${info.status}: ${visible(shortened(info.spec.function_name || "job", 60))} (${jid})`
    : `Job ${jid}`;
  useEffect(() => {
    document.title = `${said} · picloud`;
  }, [said]);
  useEffect(
    () => () => {
      document.title = "Jobs · picloud";
    },
    [],
  );
}

function Missing({ jid }: { jid: number }) {
  return (
    <section class="stack">
      <h1>Job {jid}</h1>
      <p>There is no such job: it was deleted, or it is another account's.</p>
      <p>
        <Link href="/jobs">All jobs</Link>
      </p>
    </section>
  );
}

function Skeleton({ jid }: { jid: number }) {
  return (
    <section class="job-skeleton stack" aria-busy="true">
      <h1>Job {jid}</h1>
      <p class="soft">Loading…</p>
    </section>
  );
}

interface JobProps {
  info: JobInfo;
  beat: number;
  onLeaving: (leaving: boolean) => void;
}

function Job({ info, beat, onLeaving }: JobProps) {
  const [query, change] = useQuery();
  const currency = useCurrency(true);
  const service = useLive<ServiceInfo>("service", [], async (signal) =>
    data(await api.GET("/v1/service", { signal })),
  );
  const type = service.data?.core_types.find((one) => one.name === (info.spec.core_type ?? "c1"));
  const limitBytes = type ? type.memory_bytes * (info.spec.cores ?? 1) : undefined;
  const tabs = [
    { name: "output", title: "Output" },
    ...(info.failure ? [{ name: "exception", title: "Exception" }] : []),
    { name: "usage", title: "Usage" },
    ...(info.spec.profile ? [{ name: "profile", title: "Profile" }] : []),
    { name: "details", title: "Details" },
  ];
  const asked = query.get("tab");
  const usual = info.failure && info.status === "error" ? "exception" : "output";
  const chosen = tabs.find((tab) => tab.name === asked)?.name ?? usual;
  return (
    <>
      <Head info={info} currency={currency} onLeaving={onLeaving} />
      <Tabs
        label="About the job"
        tabs={tabs}
        chosen={chosen}
        choose={(tab) => change({ tab, stream: undefined }, true)}
      >
        <Suspense fallback={<div class="log-space" />}>
          {chosen === "output" ? (
            <Output jid={info.jid} beat={beat} finished={!UNFINISHED.has(info.status)} />
          ) : null}
          {chosen === "exception" && info.failure ? <Exception failure={info.failure} /> : null}
          {chosen === "usage" ? <Usage key={info.jid} info={info} limitBytes={limitBytes} /> : null}
          {chosen === "profile" ? <Profile info={info} /> : null}
          {chosen === "details" ? <Details info={info} currency={currency} /> : null}
        </Suspense>
      </Tabs>
    </>
  );
}
