// What a call was answered with, on the page.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Link } from "wouter-preact";
import { bytes, duration } from "../../ui/format";
import { visible } from "../../ui/text";
import { asText, type Outcome, pictureType } from "./outcome";

/** Characters of a result that are shown; all of it is in the job. */
const SHOWN_MOST = 50_000;
/** Bytes of a picture that is shown. */
const PICTURE_MOST = 5_000_000;

interface AnswerProps {
  outcome: Outcome;
  tookMs: number;
  label: string;
}

export function Answer({ outcome, tookMs, label }: AnswerProps) {
  const head = (words: ComponentChildren, jid?: number) => (
    <p class="answer-head">
      {words}
      {jid === undefined ? null : <Link href={`/jobs/${jid}`}>job {jid}</Link>}
    </p>
  );
  const took = <span class="soft">after {duration(tookMs / 1000)}</span>;
  switch (outcome.kind) {
    case "result":
      return (
        <div class="stack answer">
          {head(
            <>
              <strong>Result</strong> {took}
            </>,
            outcome.jid,
          )}
          <Text text={outcome.text} />
        </div>
      );
    case "bytes":
      return (
        <div class="stack answer">
          {head(
            <>
              <strong>Result, {bytes(outcome.content.byteLength)}</strong> {took}
            </>,
            outcome.jid,
          )}
          <Content content={outcome.content} name={label} />
        </div>
      );
    case "job":
      return head(
        <strong>{outcome.waited ? "Not ready in time; it goes on as" : "Called, without waiting:"}</strong>,
        outcome.jid,
      );
    case "failed":
      return (
        <div class="error-note" role="alert">
          {head(
            <>
              <strong>The job failed</strong> {took}
            </>,
            outcome.jid,
          )}
          <pre class="answer-text">{visible(outcome.message)}</pre>
        </div>
      );
    case "refused":
      return (
        <div class="error-note" role="alert">
          <p>
            <strong>Refused, there is no job:</strong> {visible(outcome.message)}
          </p>
          {outcome.hint ? <p class="small">{visible(outcome.hint)}</p> : null}
        </div>
      );
  }
}

function Text({ text }: { text: string }) {
  return (
    <>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <pre class="answer-text" tabIndex={0} dir="auto">
        {visible(text.slice(0, SHOWN_MOST))}
      </pre>
      {text.length > SHOWN_MOST ? (
        <p class="small soft">This is its beginning; the job has all of it.</p>
      ) : null}
    </>
  );
}

function Content({ content, name }: { content: ArrayBuffer; name: string }) {
  const view = new Uint8Array(content);
  const type = pictureType(view);
  const text = type === undefined ? asText(view) : undefined;
  const save = () => {
    const address = URL.createObjectURL(new Blob([content]));
    const link = document.createElement("a");
    link.href = address;
    link.download = `${name}${type ? `.${type.slice(6)}` : ""}`;
    link.click();
    // The browser has begun by then; the content may go.
    window.setTimeout(() => URL.revokeObjectURL(address), 10_000);
  };
  return (
    <>
      {type !== undefined && content.byteLength <= PICTURE_MOST ? (
        <Picture content={content} type={type} />
      ) : null}
      {text !== undefined ? <Text text={text} /> : null}
      <div>
        <button type="button" onClick={save}>
          Download
        </button>
      </div>
    </>
  );
}

function Picture({ content, type }: { content: ArrayBuffer; type: string }) {
  const [address, setAddress] = useState<string | undefined>(undefined);
  useEffect(() => {
    const reader = new FileReader();
    reader.onload = () => setAddress(reader.result as string);
    reader.readAsDataURL(new Blob([content], { type }));
    return () => reader.abort();
  }, [content, type]);
  return address ? <img class="answer-picture" src={address} alt="What the function returned" /> : null;
}
