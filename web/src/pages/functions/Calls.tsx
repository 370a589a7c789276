// How the last calls went: latency and errors over the time they span.
import { lazy, Suspense } from "preact/compat";
import { useMemo } from "preact/hooks";
import { Link } from "wouter-preact";
import { useLive } from "../../live/useLive";
import { count, duration, significant } from "../../ui/format";
import { LiveNote } from "../../ui/LiveNote";
import { useBeat, useTicks } from "../jobs/one/useBeat";
import { lastCalls } from "./api";
import { buckets, summary } from "./latency";

// The library that draws comes with the first chart.
const Chart = lazy(async () => ({ default: (await import("../../charts/Chart")).Chart }));

const BEAT_MS = 10_000;
const SPANS = 60;

export function Calls({ label }: { label: string }) {
  const live = useLive(`published-calls-${label}`, [], (signal) => lastCalls(label, signal));
  useBeat(useTicks(BEAT_MS), live.refresh);
  const told = useMemo(
    () => live.data && { all: live.data.length, sum: summary(live.data), spans: buckets(live.data, SPANS) },
    [live.data],
  );
  return (
    <section class="panel padded stack calls">
      <LiveNote live={live} />
      {told ? (
        <>
          <div class="row spread">
            <p class="soft">
              {told.all === 0
                ? "No call yet."
                : told.all === 1
                  ? "Its only call."
                  : `Its last ${count(told.all)} calls, of all versions.`}
            </p>
            <Link href={`/jobs?label=${encodeURIComponent(label)}`}>View jobs</Link>
          </div>
          {told.all > 0 ? (
            <dl class="figures call-figures">
              <div>
                <dt>Failed</dt>
                <dd>
                  {count(told.sum.failed)} of {count(told.sum.ended)}
                  {told.sum.ended > 0 ? `, ${significant((100 * told.sum.failed) / told.sum.ended)} %` : ""}
                </dd>
              </div>
              <div>
                <dt>Half take at most</dt>
                <dd>{duration(told.sum.median)}</dd>
              </div>
              <div>
                <dt>95 of 100 at most</dt>
                <dd>{duration(told.sum.slow)}</dd>
              </div>
              <div>
                <dt>Half wait at most</dt>
                <dd>{duration(told.sum.waited)}</dd>
              </div>
            </dl>
          ) : null}
          {told.spans.x.length > 0 ? (
            <Suspense fallback={null}>
              <Chart
                title="From call to end"
                clock
                x={told.spans.x}
                least={0.01}
                format={duration}
                group="calls"
                lines={[
                  { label: "half at most", values: told.spans.median, colour: "--user" },
                  { label: "95 of 100 at most", values: told.spans.slow, colour: "--system", dashed: true },
                ]}
              />
              <Chart
                title="Calls"
                clock
                x={told.spans.x}
                least={1}
                format={(value) => count(Math.round(value))}
                group="calls"
                lines={[
                  { label: "done", values: told.spans.done, colour: "--done" },
                  { label: "failed", values: told.spans.failed, colour: "--error", dashed: true },
                ]}
              />
            </Suspense>
          ) : null}
        </>
      ) : null}
    </section>
  );
}
