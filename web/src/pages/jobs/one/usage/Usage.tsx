// What a job used: totals, and charts of every second.
import { lazy, Suspense } from "preact/compat";
import type { JobInfo } from "../../../../api/types";
import { bytes, count, duration, significant } from "../../../../ui/format";
import { LiveNote } from "../../../../ui/LiveNote";
import { useSeries } from "./useSeries";

// The library that draws comes with the first chart.
const Chart = lazy(async () => ({ default: (await import("../../../../charts/Chart")).Chart }));

const MEGABYTE = 1e6;
const cores = (value: number) => significant(value);
const perSecond = (value: number) => `${bytes(Math.round(value))}/s`;
const size = (value: number) => bytes(Math.round(value));

export function Usage({ info, limitBytes }: { info: JobInfo; limitBytes: number | undefined }) {
  const series = useSeries(info.jid);
  const { columns: all } = series;
  const x = all.seconds;
  const group = `job-${info.jid}`;
  return (
    <div class="stack">
      <Totals info={info} />
      <LiveNote live={{ data: all, error: series.error, loading: false, refresh: () => undefined }} />
      {x.length === 0 && !series.loading ? (
        <p class="soft padded panel">
          {series.finished
            ? "There are no samples. One is taken each second, so a job that was over sooner has none."
            : "The first sample comes a second after the job has begun."}
        </p>
      ) : (
        <div class="charts">
          <Suspense fallback={<div class="chart-space" />}>
            <div class="panel padded">
              <Chart
                title="Processor, in cores"
                group={group}
                x={x}
                stack
                least={Math.max(0.1, info.spec.cores ?? 1)}
                format={cores}
                lines={[
                  { label: "user", values: all.user, colour: "--user" },
                  { label: "system", values: all.system, colour: "--system" },
                ]}
              />
            </div>
            <div class="panel padded">
              <Chart
                title="Memory"
                group={group}
                x={x}
                least={MEGABYTE}
                format={size}
                limit={limitBytes ? { value: limitBytes, says: `limit ${bytes(limitBytes)}` } : undefined}
                lines={[
                  { label: "memory", values: all.memory, colour: "--memory" },
                  // A sandbox grants no swap; where there is some, it matters.
                  ...(all.swap.some((used) => used > 0)
                    ? [{ label: "swap", values: all.swap, colour: "--system", dashed: true }]
                    : []),
                ]}
              />
            </div>
            <div class="panel padded">
              <Chart
                title="Disk, read and written"
                group={group}
                x={x}
                least={1_000}
                format={perSecond}
                lines={[
                  { label: "read", values: all.read, colour: "--disk" },
                  { label: "written", values: all.written, colour: "--system", dashed: true },
                ]}
              />
            </div>
            <div class="panel padded">
              <Chart
                title="Disk, in use"
                group={group}
                x={x}
                least={MEGABYTE}
                format={size}
                lines={[{ label: "files", values: all.disk, colour: "--disk" }]}
              />
            </div>
            <div class="panel padded">
              <Chart
                title="Network"
                group={group}
                x={x}
                least={1_000}
                format={perSecond}
                lines={[
                  { label: "received", values: all.received, colour: "--network" },
                  { label: "sent", values: all.sent, colour: "--user", dashed: true },
                ]}
              />
            </div>
            <div class="panel padded">
              <Chart
                title="Processes"
                group={group}
                x={x}
                least={2}
                format={(value) => (Number.isInteger(value) ? count(value) : "")}
                lines={[{ label: "processes", values: all.processes, colour: "--ink-soft" }]}
              />
            </div>
          </Suspense>
        </div>
      )}
    </div>
  );
}

function Totals({ info }: { info: JobInfo }) {
  const usage = info.usage;
  const part = (seconds: number | null | undefined) =>
    seconds !== null && seconds !== undefined && info.runtime
      ? ` (${Math.round((100 * seconds) / info.runtime)} %)`
      : "";
  const facts: [string, string][] = [
    ["Processor, user", `${duration(info.cpu_user)}${part(info.cpu_user)}`],
    ["Processor, system", `${duration(info.cpu_system)}${part(info.cpu_system)}`],
    ["Memory, peak", usage?.memory_peak_bytes ? bytes(usage.memory_peak_bytes) : "–"],
    ["Memory, now", info.live ? bytes(info.live.sample.memory_bytes) : "–"],
    ["MemAlloc fails", usage ? count(usage.memory_failures ?? 0) : "–"],
    ["Swap, peak", usage ? bytes(usage.swap_peak_bytes ?? 0) : "–"],
    ["Disk, peak", usage ? bytes(usage.disk_peak_bytes ?? 0) : "–"],
    ["Disk, read", usage ? bytes(usage.disk_read_bytes ?? 0) : "–"],
    ["Disk, written", usage ? bytes(usage.disk_write_bytes ?? 0) : "–"],
    ["Network, received", bytes(usage?.net_received_bytes)],
    ["Network, sent", bytes(usage?.net_sent_bytes)],
  ];
  return (
    <dl class="figures panel">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
