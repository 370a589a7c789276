// One published function: what it is, and everything that can be done with it.
import { useState } from "preact/hooks";
import { Link, useLocation } from "wouter-preact";
import { api } from "../../api/http";
import { useLive } from "../../live/useLive";
import { useQuery } from "../../ui/address";
import { Confirm } from "../../ui/Dialog";
import { Snippet } from "../../ui/Empty";
import { LiveNote } from "../../ui/LiveNote";
import { say } from "../../ui/Notes";
import { Tabs } from "../../ui/Tabs";
import { Time } from "../../ui/Time";
import { visible } from "../../ui/text";
import { useBeat, useTicks } from "../jobs/one/useBeat";
import { AccessForm } from "./AccessForm";
import { accessTitle, type PublishedInfo, parametersOf, publishedOne } from "./api";
import { Calls } from "./Calls";
import { words } from "./kinds";
import { Snippets } from "./Snippets";
import { TryIt } from "./TryIt";
import { VersionTable } from "./VersionTable";
import "../../ui/figures.css";

const BEAT_MS = 15_000;
const TABS = [
  { name: "try", title: "Try it" },
  { name: "code", title: "Call it" },
  { name: "calls", title: "Calls" },
  { name: "versions", title: "Versions" },
  { name: "access", title: "Access" },
];

export function OneFunction({ label }: { label: string }) {
  const live = useLive(`published-${label}`, [], (signal) => publishedOne(label, signal));
  useBeat(useTicks(BEAT_MS), live.refresh);
  const [query, change] = useQuery();
  const [removing, setRemoving] = useState(false);
  const [, go] = useLocation();
  const found = live.data;
  const chosen = TABS.find((tab) => tab.name === query.get("tab"))?.name ?? "try";
  const remove = async () => {
    await api.DELETE("/v1/published/{label}", { params: { path: { label } } });
    say(`${label} is removed from its address`);
    go("/functions");
  };
  return (
    <>
      <p>
        <Link href="/functions">All functions</Link>
      </p>
      <div class="row spread">
        <h1 class="function-title">{visible(label)}</h1>
        {found ? (
          <button type="button" class="danger" onClick={() => setRemoving(true)}>
            Remove
          </button>
        ) : null}
      </div>
      <LiveNote live={live} />
      {live.loading ? <div class="panel functions-space" aria-busy="true" /> : null}
      {found ? (
        <>
          <About found={found} />
          <Tabs
            label="About the function"
            tabs={TABS}
            chosen={chosen}
            choose={(tab) => change({ tab }, true)}
          >
            {chosen === "try" ? <TryIt key={found.version} found={found} /> : null}
            {chosen === "code" ? <Snippets found={found} /> : null}
            {chosen === "calls" ? <Calls label={label} /> : null}
            {chosen === "versions" ? (
              <VersionTable label={label} version={found.version} onChanged={live.refresh} />
            ) : null}
            {chosen === "access" ? <AccessForm found={found} onChanged={live.refresh} /> : null}
          </Tabs>
        </>
      ) : null}
      {removing ? (
        <Confirm
          title={`Remove ${label} from its address?`}
          verb="Remove"
          act={remove}
          onClose={() => setRemoving(false)}
        >
          Calls of it are refused from then on, and its versions are gone. Jobs that it made stay.
        </Confirm>
      ) : null}
    </>
  );
}

function About({ found }: { found: PublishedInfo }) {
  const parameters = parametersOf(found);
  return (
    <div class="stack">
      <pre class="function-signature">{visible(found.signature)}</pre>
      {found.description.trim() === "" ? null : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        <p class="function-description" tabIndex={0} dir="auto">
          {visible(found.description)}
        </p>
      )}
      <Snippet code={found.uri} />
      <dl class="figures panel">
        <div>
          <dt>Version</dt>
          <dd>{found.version}</dd>
        </div>
        <div>
          <dt>Access</dt>
          <dd>
            {accessTitle(found.access)}
            {found.access !== "account" && found.calls_per_minute > 0
              ? `, ${found.calls_per_minute} a minute`
              : ""}
          </dd>
        </div>
        <div>
          <dt>Answers with</dt>
          <dd>{found.output_encoding === "raw" ? "bytes" : "JSON"}</dd>
        </div>
        <div>
          <dt>Runs on</dt>
          <dd>
            {found.cores} × {found.core_type}
          </dd>
        </div>
        <div>
          <dt>Published</dt>
          <dd>
            <Time at={found.published} brief />
          </dd>
        </div>
      </dl>
      {parameters.length > 0 ? (
        <details class="panel padded">
          <summary>{parameters.length === 1 ? "One parameter" : `${parameters.length} parameters`}</summary>
          <dl class="facts function-parameters">
            {parameters.map((one) => (
              <>
                <dt>
                  <code>{visible(one.name)}</code>
                </dt>
                <dd>
                  {visible(words(one.schema))}
                  {one.required
                    ? ", required"
                    : one.default === undefined
                      ? ", optional"
                      : `, otherwise ${visible(JSON.stringify(one.default))}`}
                </dd>
              </>
            ))}
          </dl>
        </details>
      ) : null}
    </div>
  );
}
