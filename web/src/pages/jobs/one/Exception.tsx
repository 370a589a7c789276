// Why a job failed: the exception, what it came through, and what can be done about it.
import type { Failure } from "../../../api/types";
import { visible } from "../../../ui/text";
import { evidence, lastLine, verdictWords } from "./words";

export function Exception({ failure }: { failure: Failure }) {
  const { before, last } = lastLine(failure.exception);
  const facts = evidence(failure.verdict);
  return (
    <div class="stack">
      <section class="panel padded stack">
        {last ? (
          <pre class="exception-last" dir="auto">
            {visible(last)}
          </pre>
        ) : (
          <p>{visible(verdictWords(failure.verdict))}</p>
        )}
        {failure.hint ? (
          <p class="hint">
            <b>What helps:</b> {visible(failure.hint)}
          </p>
        ) : null}
        {facts.length > 0 ? (
          <dl class="facts">
            {facts.map(([name, value]) => (
              <>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </>
            ))}
          </dl>
        ) : null}
      </section>
      {before ? (
        <section class="panel" aria-label="Traceback">
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
          <pre class="traceback" tabIndex={0}>
            {visible(before)}
            {"\n"}
            {visible(last)}
          </pre>
        </section>
      ) : null}
    </div>
  );
}
