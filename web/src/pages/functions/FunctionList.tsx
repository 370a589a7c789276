// All published functions in a table.
import { useState } from "preact/hooks";
import { Link } from "wouter-preact";
import { useLive } from "../../live/useLive";
import { useSession } from "../../shell/session";
import { Empty, Snippet } from "../../ui/Empty";
import { count } from "../../ui/format";
import { LiveNote } from "../../ui/LiveNote";
import { Time } from "../../ui/Time";
import { visible } from "../../ui/text";
import { useBeat, useTicks } from "../jobs/one/useBeat";
import { accessTitle, callsOfLate, published } from "./api";

const FIRST = `import cloud
def add(x, y=1): return x + y
print(cloud.rest.publish(add, "addition"))    # the address`;
const BEAT_MS = 10_000;
/** Rows at first, and with each click. */
const ROWS = 200;
/** From so many functions on one searches them. */
const SEARCH_FROM = 15;

export function FunctionList() {
  const { session } = useSession();
  const live = useLive("published", [], published);
  const calls = useLive("published-calls", [], callsOfLate);
  const ticks = useTicks(BEAT_MS);
  useBeat(ticks, live.refresh);
  useBeat(ticks, calls.refresh);
  const [text, setText] = useState("");
  const [most, setMost] = useState(ROWS);
  const wanted = text.trim().toLowerCase();
  const all = live.data ?? [];
  const found = all.filter(
    (one) =>
      one.label.toLowerCase().includes(wanted) ||
      one.signature.toLowerCase().includes(wanted) ||
      one.description.toLowerCase().includes(wanted),
  );
  return (
    <>
      <div class="row spread">
        <h1>Functions</h1>
        {all.length >= SEARCH_FROM ? (
          <input
            type="search"
            value={text}
            placeholder="Label or description"
            aria-label="Search functions"
            onInput={(event) => setText(event.currentTarget.value)}
          />
        ) : null}
      </div>
      <LiveNote live={live} />
      {live.loading ? <div class="panel functions-space" aria-busy="true" /> : null}
      {live.data && all.length === 0 ? (
        <div class="panel">
          <Empty title="No published function yet">
            <p class="soft">
              A function that is published has an address, and whatever speaks HTTP can call it.
            </p>
            <Snippet code={FIRST} />
            <p class="soft">From then on, with a key of your account:</p>
            <Snippet
              code={`curl -u "$KEY" "${location.origin}/r/${session.account}/addition/?wait=10" -d x=1 -d y=2`}
            />
          </Empty>
        </div>
      ) : null}
      {all.length > 0 ? (
        <section class="panel" aria-label="All functions">
          <table class="cards">
            <thead>
              <tr>
                <th scope="col">Function</th>
                <th scope="col">Access</th>
                <th scope="col" class="number">
                  Version
                </th>
                <th scope="col">Published</th>
                <th scope="col" class="number">
                  Calls in 7 days
                </th>
              </tr>
            </thead>
            <tbody>
              {found.slice(0, most).map((one) => (
                <tr key={one.label}>
                  <td>
                    <div class="function-name">
                      <Link href={`/functions/${encodeURIComponent(one.label)}`}>{visible(one.label)}</Link>
                      <code class="small soft cut" title={visible(one.signature)}>
                        {visible(one.signature)}
                      </code>
                    </div>
                  </td>
                  <td data-label="Access">{accessTitle(one.access)}</td>
                  <td data-label="Version" class="number">
                    {one.version}
                  </td>
                  <td data-label="Published">
                    <Time at={one.published} brief />
                  </td>
                  <td data-label="Calls in 7 days" class="number">
                    {calls.data ? count(calls.data.get(one.label) ?? 0) : "–"}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          {found.length === 0 ? <p class="padded soft">No function matches.</p> : null}
          {found.length > most ? (
            <p class="padded">
              <button type="button" onClick={() => setMost(most + ROWS)}>
                Show more ({count(found.length - most)} left)
              </button>
            </p>
          ) : null}
        </section>
      ) : null}
    </>
  );
}
