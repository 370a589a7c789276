// The machines that run jobs.
import { api, data } from "../../api/http";
import type { ServiceInfo, WorkerRow } from "../../api/types";
import { useLive } from "../../live/useLive";
import { useSession } from "../../shell/session";
import { Empty } from "../../ui/Empty";
import { bytes, count } from "../../ui/format";
import { LiveNote } from "../../ui/LiveNote";
import { ErrorNote } from "../../ui/Notes";
import { Time, useSecond } from "../../ui/Time";
import { visible } from "../../ui/text";
import "../../ui/cards.css";
import { isolationWords, limitsWords, offerWords, ordered, pythonsInOrder, units } from "./words";
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
    return live.error ? <ErrorNote error={live.error} /> : <Skeleton />;
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
  return (
    <>
      <LiveNote live={live} />
      <p class="soft">{offerWords(rows)}</p>
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
              <th scope="col">Isolation</th>
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

/** Takes the space that the first answer will need. */
function Skeleton() {
  return (
    <>
      <p aria-hidden="true">&nbsp;</p>
      <div class="panel workers-skeleton" aria-busy="true" />
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
              <span title="A worker that is silent for its lease, usually 10 s, has lost it: its jobs go to others.">
                heard <Heard at={row.last_seen} /> s ago
              </span>
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
          {units(row.compute_units)}
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
      <td data-label="Python">{pythonsInOrder(row.pythons).map(visible).join(", ") || "none"}</td>
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

/** Whole seconds, so that what follows does not move. */
function Heard({ at }: { at: number }) {
  return <>{Math.max(0, Math.floor((useSecond() - at) / 1000))}</>;
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
        <dd>
          {service.data ? pythonsInOrder(service.data.pythons).join(", ") || "none at the moment" : " "}
        </dd>
        <dt>Core types</dt>
        <dd>{service.data ? service.data.core_types.map((type) => type.name).join(", ") : " "}</dd>
      </dl>
    </div>
  );
}
