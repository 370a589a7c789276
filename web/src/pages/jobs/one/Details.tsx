// Everything else that is known of a job.
import type { ComponentChildren } from "preact";
import type { JobInfo } from "../../../api/types";
import { useLive } from "../../../live/useLive";
import { duration, money } from "../../../ui/format";
import { Time } from "../../../ui/Time";
import { visible } from "../../../ui/text";
import type { Call } from "./call";
import { readCall, readResult, said } from "./callApi";
import { confinementWords } from "./words";

export function Details({ info, currency }: { info: JobInfo; currency: string }) {
  const spec = info.spec;
  const env = Object.entries(spec.os_env_vars ?? {});
  return (
    <div class="details">
      <CallShown info={info} />
      <Group title="When">
        <Fact name="Created" value={<Time at={info.created} long />} />
        <Fact name="Started" value={<Time at={info.started} long />} />
        <Fact name="Finished" value={<Time at={info.finished} long />} />
        <Fact name="Run time" value={duration(info.runtime)} />
        <Fact name="Attempt" value={String(info.attempt)} />
      </Group>
      <Group title="How it runs">
        <Fact name="Cores" value={`${spec.cores ?? 1} of type ${spec.core_type ?? "c1"}`} />
        <Fact name="Priority" value={String(spec.priority ?? 5)} />
        <Fact name="Time limit" value={spec.max_runtime_ms ? duration(spec.max_runtime_ms / 1000) : "none"} />
        <Fact name="Restartable" value={spec.restartable === false ? "no" : "yes"} />
        <Fact
          name="If a dependency fails"
          value={spec.depends_on_errors === "ignore" ? "it runs all the same" : "it is stalled"}
        />
        <Fact name="Fresh interpreter afterwards" value={spec.kill_process ? "yes" : "no"} />
        <Fact name="Profile" value={spec.profile ? "yes" : "no"} />
        <Fact name="Confined by" value={info.confinement ? confinementWords(info.confinement) : "–"} />
      </Group>
      <Group title="What it costs">
        <Fact
          name="Core time"
          value={info.core_ms === null || info.core_ms === undefined ? "–" : duration(info.core_ms / 1000)}
        />
        <Fact name="Cost" value={money(info.cost, currency)} />
      </Group>
      <Group title="Where it comes from">
        <Fact name="Python" value={spec.python} />
        <Fact
          name="Code version"
          value={spec.code_version ? <code>{spec.code_version.slice(0, 12)}</code> : "nothing was shipped"}
        />
        <Fact name="Machine" value={text(spec.hostname)} />
        <Fact name="Process" value={spec.process_id ? String(spec.process_id) : "–"} />
        <Fact name="Client" value={text(spec.client_version)} />
        <Fact name="cloudpickle" value={text(spec.cloudpickle_version)} />
      </Group>
      <Group title="What it sees">
        <Fact
          name="Volumes"
          value={(spec.volumes ?? []).length > 0 ? visible((spec.volumes ?? []).join(", ")) : "none"}
        />
        <Fact
          name="Environment"
          value={
            env.length === 0
              ? "nothing set"
              : env.map(([name, value]) => (
                  <code key={name} class="env" dir="auto">
                    {visible(`${name}=${value}`)}
                  </code>
                ))
          }
        />
        <Fact
          name="Listens on"
          value={
            (info.live?.ports ?? []).length > 0
              ? (info.live?.ports ?? []).map((port) => (
                  <span key={`${port.protocol} ${port.port}`} class="env">
                    {visible(info.live?.address ?? "")}:{port.port} ({port.protocol})
                  </span>
                ))
              : "no port"
          }
        />
      </Group>
      <Attempts info={info} />
    </div>
  );
}

function text(value: string | null | undefined): string {
  return value ? visible(value) : "–";
}

function Group({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="panel padded">
      <h2>{title}</h2>
      <dl class="facts">{children}</dl>
    </section>
  );
}

function Fact({ name, value }: { name: string; value: ComponentChildren }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  );
}

function Attempts({ info }: { info: JobInfo }) {
  const attempts = info.earlier_attempts ?? [];
  if (attempts.length === 0) return null;
  return (
    <section class="panel wide">
      <h2 class="padded">Earlier attempts</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="scroll" tabIndex={0} aria-label="Table of earlier attempts">
        <table>
          <thead>
            <tr>
              <th scope="col">Attempt</th>
              <th scope="col">Worker</th>
              <th scope="col">Started</th>
              <th scope="col">Ended</th>
              <th scope="col">Because</th>
            </tr>
          </thead>
          <tbody>
            {attempts.map((one) => (
              <tr key={one.attempt}>
                <td>{one.attempt}</td>
                <td>{text(one.worker)}</td>
                <td>
                  <Time at={one.started} />
                </td>
                <td>
                  <Time at={one.ended} />
                </td>
                <td>{visible(one.because)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}

/** What was called with what, and what came back: read from the pickles here, where nothing of them runs. */
function CallShown({ info }: { info: JobInfo }) {
  const name = info.spec.function_name || "function";
  const call = useLive<Call | undefined>(`call-${info.jid}`, [], (signal) =>
    readCall(info.jid, name, signal),
  );
  const isDone = info.status === "done";
  const result = useLive<string | undefined>(`result-${info.jid}-${isDone}`, [], async (signal) =>
    isDone ? readResult(info.jid, signal) : undefined,
  );
  const sketch = call.data?.sketch;
  const tooLarge = "It is too large to be shown.";
  return (
    <section class="panel padded wide stack">
      <h2>Call</h2>
      <Code
        title="Function"
        code={call.data?.function ?? (call.error ? said(call.error) : call.loading ? "…" : tooLarge)}
      />
      {sketch ? (
        <p class="small soft" dir="auto">
          {visible(
            `Sent by value${sketch.module ? ` from ${sketch.module}` : ""}${sketch.file ? `, ${sketch.file}` : ""}${sketch.line ? `, line ${sketch.line}` : ""}.`,
          )}{" "}
          {sketch.doc ? visible(sketch.doc.trim().split("\n")[0] ?? "") : null}
        </p>
      ) : null}
      <Code
        title="Arguments"
        code={call.data?.call ?? (call.error ? said(call.error) : call.loading ? "…" : tooLarge)}
      />
      {isDone ? (
        <Code title="Result" code={result.data ?? (result.error ? said(result.error) : "…")} />
      ) : null}
      <p class="small soft">Read from the pickles without running anything; long values are cut.</p>
    </section>
  );
}

function Code({ title, code }: { title: string; code: string }) {
  return (
    <div>
      <h3>{title}</h3>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <pre class="code" tabIndex={0} dir="auto">
        {visible(code)}
      </pre>
    </div>
  );
}
