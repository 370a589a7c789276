// The machines that run jobs.
import { api, data } from "../../api/http";
import type { ServiceInfo, WorkerRow } from "../../api/types";
import { useLive } from "../../live/useLive";
import { useSession } from "../../shell/session";
import { Empty } from "../../ui/Empty";
import { bytes, count, significant } from "../../ui/format";
import { ErrorNote } from "../../ui/Notes";
import { Since, Time } from "../../ui/Time";
import { visible } from "../../ui/text";
import "../../ui/cards.css";
import { isolationWords, limitsWords, offered, ordered } from "./words";
import "./workers.css";

export default function WorkersPage() {
  const { session } = useSession();
  return (
    <>
      <h1>Workers</h1>
      {session.admin ? <Everybody /> : <Others />}
    </>
  );
}

function Everybody() {
  const live = useLive("workers", ["workers", "jobs"], async (signal) =>
    ordered(data(await api.GET("/v1/workers", { signal })).workers),
  );
  const rows = live.data;
  if (!rows) {
    return live.error ? (
      <ErrorNote error={live.error} />
    ) : (
      <div class="panel workers-skeleton" aria-busy="true" />
    );
  }
  if (rows.length === 0) {
    return (
      <div class="panel">
        <Empty
          title="Machines that run jobs are listed here. There is none at the moment."
          code={workerLine()}
        >
          <p>
            Run this on any machine that reaches this server. The token is in the file{" "}
            <code>worker.token</code> of the server's data directory.
          </p>
        </Empty>
      </div>
    );
  }
  const sum = offered(rows);
  return (
    <>
      {live.error ? <ErrorNote error={live.error} /> : null}
      <p class="soft">
        {sum.workers === 1 ? "One worker offers" : `${sum.workers} workers offer`} {significant(sum.units)}{" "}
        compute units and {sum.running === 1 ? "runs one job" : `run ${count(sum.running)} jobs`}.
      </p>
      <div class="panel scroll">
        <table class="cards workers">
          <thead>
            <tr>
              <th scope="col">Worker</th>
              <th scope="col">State</th>
              <th scope="col" class="number">
                Running
              </th>
              <th scope="col">Offers</th>
              <th scope="col">Python</th>
              <th scope="col">Between a job and the machine</th>
              <th scope="col">Version</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <Row key={row.worker} row={row} />
            ))}
          </tbody>
        </table>
      </div>
      <details class="panel padded">
        <summary>Add a worker</summary>
        <Empty title="Run this on any machine that reaches this server" code={workerLine()}>
          <p>
            The token is in the file <code>worker.token</code> of the server's data directory.
            {location.protocol === "https:"
              ? " Where the server's certificate is its own, add --ca-file with the file it wrote."
              : ""}
          </p>
        </Empty>
      </details>
    </>
  );
}

function workerLine(): string {
  return `PICLOUD_WORKER_TOKEN=... picloud worker --server ${location.origin}`;
}

function Row({ row }: { row: WorkerRow }) {
  const isolation = isolationWords(row);
  const limits = limitsWords(row);
  const addresses = row.source_ips ?? 0;
  return (
    <tr class={row.connected ? undefined : "over"}>
      <td>
        <strong class="name">{visible(row.name)}</strong>
        {row.hostname === row.name ? null : <div class="small soft name">{visible(row.hostname)}</div>}
      </td>
      <td data-label="State">
        <div>
          {row.connected ? "connected" : "ended"}
          <div class="small soft state-time">
            {row.connected ? (
              <>
                heard <Since from={row.last_seen} /> ago
              </>
            ) : (
              <Time at={row.last_seen} />
            )}
          </div>
        </div>
      </td>
      <td data-label="Running" class="number">
        {row.connected ? count(row.running) : "–"}
      </td>
      <td data-label="Offers">
        <div>
          {significant(row.compute_units)} units
          <div class="small soft">
            {row.cpus === 1 ? "1 CPU" : `${count(row.cpus)} CPUs`}, {bytes(row.memory_bytes)}
          </div>
          {addresses > 0 ? (
            <div class="small soft">
              {addresses === 1 ? "1 source address" : `${addresses} source addresses`}
            </div>
          ) : null}
        </div>
      </td>
      <td data-label="Python">{row.pythons.length > 0 ? row.pythons.map(visible).join(", ") : "none"}</td>
      <td data-label="Isolation">
        <div>
          <span class={isolation.name === "no sandbox" ? "warned" : undefined} title={isolation.means}>
            {isolation.name}
          </span>
          <div class="small soft" title={limits.means}>
            {limits.name}
          </div>
        </div>
      </td>
      <td data-label="Version">{visible(row.version)}</td>
    </tr>
  );
}

/** Who may not see the machines still wants to know what jobs can ask for. */
function Others() {
  const service = useLive<ServiceInfo>("service", ["workers"], async (signal) =>
    data(await api.GET("/v1/service", { signal })),
  );
  if (service.error) return <ErrorNote error={service.error} />;
  return (
    <div class="panel padded stack">
      <p>The machines are shown to administrators.</p>
      <dl class="facts">
        <dt>Python versions for jobs</dt>
        <dd>{service.data ? service.data.pythons.join(", ") || "none at the moment" : " "}</dd>
        <dt>Core types</dt>
        <dd>{service.data ? service.data.core_types.map((type) => type.name).join(", ") : " "}</dd>
      </dl>
    </div>
  );
}
