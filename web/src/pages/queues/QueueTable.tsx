// All queues in a table: the pipeline in words, and queues that nothing is attached to.
import { useState } from "preact/hooks";
import { Link } from "wouter-preact";
import type { QueueInfo } from "../../api/types";
import { count, duration, rate } from "../../ui/format";
import { visible } from "../../ui/text";
import type { Limiting } from "./limiting";
import "../../ui/cards.css";

interface TableProps {
  queues: readonly QueueInfo[];
  limiting: Limiting | undefined;
  chosen: string | undefined;
}

/** Rows at first, and with each click. */
const ROWS = 200;
/** From so many queues on one searches them. */
const SEARCH_FROM = 15;

export function QueueTable({ queues, limiting, chosen }: TableProps) {
  const [text, setText] = useState("");
  const [most, setMost] = useState(ROWS);
  const wanted = text.trim().toLowerCase();
  const found = queues.filter(
    (queue) =>
      queue.name.toLowerCase().includes(wanted) || queue.attachment?.handler.toLowerCase().includes(wanted),
  );
  return (
    <section class="panel" aria-label="All queues">
      {queues.length >= SEARCH_FROM ? (
        <div class="row spread padded">
          <h2>All queues</h2>
          <input
            type="search"
            value={text}
            placeholder="Name or handler"
            aria-label="Search queues"
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </div>
      ) : null}
      <table class="cards queue-table">
        <thead>
          <tr>
            <th scope="col">Queue</th>
            <th scope="col" class="number">
              Messages
            </th>
            <th scope="col" class="number">
              In
            </th>
            <th scope="col" class="number">
              Out
            </th>
            <th scope="col" class="number">
              Oldest
            </th>
            <th scope="col">Handler</th>
            <th scope="col">Goes to</th>
          </tr>
        </thead>
        <tbody>
          {found.slice(0, most).map((queue) => (
            <tr key={queue.name} class={queue.name === chosen ? "chosen" : undefined}>
              <td>
                <Link
                  href={`/queues/${queue.name}`}
                  aria-current={queue.name === chosen ? "true" : undefined}
                >
                  {visible(queue.name)}
                </Link>
                {queue.paused ? <span class="tag">paused</span> : null}
                {queue.name === limiting?.queue ? <span class="tag warn">limits the pipeline</span> : null}
              </td>
              <td class="number" data-label="Messages">
                {count(queue.count)}
              </td>
              <td class="number" data-label="In">
                {rate(queue.enqueued_per_s)}
              </td>
              <td class="number" data-label="Out">
                {rate(queue.dequeued_per_s)}
              </td>
              <td class="number" data-label="Oldest">
                {queue.oldest_age_ms ? duration(queue.oldest_age_ms / 1000) : "–"}
              </td>
              <td data-label="Handler">
                <Handler queue={queue} />
              </td>
              <td data-label="Goes to" class="small">
                <Outputs queue={queue} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {found.length === 0 ? <p class="padded soft">No queue matches.</p> : null}
      {found.length > most ? (
        <p class="padded">
          <button type="button" onClick={() => setMost(most + ROWS)}>
            Show more ({count(found.length - most)} left)
          </button>
        </p>
      ) : null}
    </section>
  );
}

function Handler({ queue }: { queue: QueueInfo }) {
  const attached = queue.attachment;
  if (!attached) return <span class="soft">none</span>;
  return (
    <span>
      {visible(attached.handler)}{" "}
      <span class="soft">
        ({attached.jobs} of {attached.max_parallel_jobs} jobs)
      </span>
    </span>
  );
}

function Outputs({ queue }: { queue: QueueInfo }) {
  const settings = queue.attachment?.settings;
  const outputs = settings?.output_queues ?? [];
  const errors = settings?.on_error ?? [];
  if (outputs.length + errors.length === 0) return <span class="soft">–</span>;
  return (
    <span>
      {visible(outputs.join(", "))}
      {errors.map((error) => (
        <span key={error.exception} class="error-output">
          {visible(error.exception)}: {visible(error.queue)}
        </span>
      ))}
    </span>
  );
}
