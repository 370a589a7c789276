// What came and went in the last hour, in points of ten seconds.
import { lazy, Suspense } from "preact/compat";
import { useMemo } from "preact/hooks";
import { api, data } from "../../api/http";
import { useLive } from "../../live/useLive";
import { rate } from "../../ui/format";
import { LiveNote } from "../../ui/LiveNote";
import { useBeat, useTicks } from "../jobs/one/useBeat";
import { type Rates, rateLines } from "./rates";

// The library that draws comes with the first chart.
const Chart = lazy(async () => ({ default: (await import("../../charts/Chart")).Chart }));

const HOUR_MS = 3_600_000;
const BEAT_MS = 5_000;

export function Throughput({ name }: { name: string }) {
  const found = useLive<{ rates: Rates; at: number }>(`rates-${name}`, [], async (signal) => {
    const at = Date.now();
    const query = { since: at - HOUR_MS, limit: 10_000 };
    const rates = data(
      await api.GET("/v1/queues/{queue}/rates", { params: { path: { queue: name }, query }, signal }),
    );
    return { rates, at };
  });
  useBeat(useTicks(BEAT_MS), found.refresh);
  const lines = useMemo(
    () => found.data && rateLines(found.data.rates, found.data.at - HOUR_MS, found.data.at),
    [found.data],
  );
  return (
    <div class="throughput">
      <LiveNote live={found} />
      {lines ? (
        <Suspense fallback={null}>
          <Chart
            title="Messages a second"
            clock
            x={lines.x}
            least={1}
            format={rate}
            lines={[
              { label: "enqueued", values: lines.enqueued, colour: "--user" },
              { label: "dequeued", values: lines.dequeued, colour: "--system", dashed: true },
              ...(lines.failed.some((value) => value > 0)
                ? [{ label: "failed", values: lines.failed, colour: "--error" }]
                : []),
            ]}
          />
        </Suspense>
      ) : null}
    </div>
  );
}
