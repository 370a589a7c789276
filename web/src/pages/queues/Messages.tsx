// Messages that wait, looked at without taking them.
import { useCallback, useEffect, useState } from "preact/hooks";
import { Link } from "wouter-preact";
import { api, data } from "../../api/http";
import type { MessageJson } from "../../api/types";
import { bytes } from "../../ui/format";
import { ErrorNote } from "../../ui/Notes";
import { Time } from "../../ui/Time";
import { visible } from "../../ui/text";
import { messageText } from "./messageText";

const PAGE = 10;
/** Messages kept in the page. */
const MOST = 500;

export function Messages({ name, beat }: { name: string; beat: number }) {
  const [messages, setMessages] = useState<MessageJson[] | undefined>(undefined);
  const [more, setMore] = useState(false);
  const [error, setError] = useState<Error | undefined>(undefined);

  const load = useCallback(
    async (after: number | undefined) => {
      try {
        const query = after === undefined ? { limit: PAGE } : { after, limit: PAGE };
        const found = data(
          await api.GET("/v1/queues/{queue}/messages", { params: { path: { queue: name }, query } }),
        ).messages;
        setMessages((before) => (after === undefined ? found : [...(before ?? []), ...found]));
        setMore(found.length === PAGE);
        setError(undefined);
      } catch (caught) {
        setError(caught as Error);
      }
    },
    [name],
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: something was done to the messages
  useEffect(() => {
    void load(undefined);
  }, [load, beat]);

  if (error && !messages) return <ErrorNote error={error} />;
  if (!messages)
    return (
      <div class="messages-space soft" aria-busy="true">
        Loading…
      </div>
    );
  const last = messages[messages.length - 1];
  return (
    <div class="stack messages-space">
      <div class="row spread">
        <p class="small soft">
          {messages.length === 0
            ? "No message waits. Those that are being handled are not shown."
            : "Those that wait longest come first. Looking takes nothing away."}
        </p>
        <button type="button" onClick={() => load(undefined)}>
          Look again
        </button>
      </div>
      {error ? <ErrorNote error={error} /> : null}
      <ol class="messages">
        {messages.map((message) => (
          <Message key={message.id} message={message} />
        ))}
      </ol>
      {more && last && messages.length < MOST ? (
        <p>
          <button type="button" onClick={() => load(last.id)}>
            Show more
          </button>
        </p>
      ) : null}
    </div>
  );
}

function Message({ message }: { message: MessageJson }) {
  const { error } = message;
  return (
    <li class="panel">
      <div class="message-head small soft">
        <span>{message.id}</span>
        <Time at={message.created} />
        <span>{message.datatype === "json" ? "JSON" : "pickle"}</span>
        <span>{bytes(message.size_bytes)}</span>
        {message.deliveries > 0 ? (
          <span>delivered {message.deliveries === 1 ? "once" : `${message.deliveries} times`}</span>
        ) : null}
        {message.cur_retry > 0 ? <span>retry {message.cur_retry}</span> : null}
        {message.visible_at ? (
          <span>
            not before <Time at={message.visible_at} />
          </span>
        ) : null}
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <pre class="message-body" tabIndex={0} dir="auto">
        {visible(messageText(message))}
      </pre>
      {error ? (
        <div class="message-error">
          <p dir="auto">
            <b>{visible(error.exception_type)}</b>: {visible(error.exception_text)}
          </p>
          <p class="small">
            in the handler of{" "}
            <Link href={`/queues/${error.source_queue}`}>{visible(error.source_queue)}</Link>,{" "}
            <Link href={`/jobs/${error.jid}`}>job {error.jid}</Link>
            {error.cur_retry > 0 ? `, after ${error.cur_retry} retries` : ""}
          </p>
          {error.traceback ? (
            <details>
              <summary class="small">Traceback</summary>
              {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
              <pre class="message-body" tabIndex={0}>
                {visible(error.traceback)}
              </pre>
            </details>
          ) : null}
        </div>
      ) : null}
    </li>
  );
}
