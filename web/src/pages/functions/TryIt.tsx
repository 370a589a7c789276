// A form made from the function's parameters, which calls it.
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { useSession } from "../../shell/session";
import { ErrorNote } from "../../ui/Notes";
import { shortened, visible } from "../../ui/text";
import { Answer } from "./Answer";
import { call, type PublishedInfo, parametersOf } from "./api";
import { bodyOf, type Given, type GivenByName, otherProblem, problem } from "./given";
import { asFile, choices, type Parameter, words } from "./kinds";
import type { Outcome } from "./outcome";

const WAIT_MOST_S = 60;
/** Characters of a default. */
const SHOWN_MOST = 100;

interface Called {
  outcome: Outcome;
  tookMs: number;
}

export function TryIt({ found }: { found: PublishedInfo }) {
  const { session } = useSession();
  const parameters = parametersOf(found);
  const [given, setGiven] = useState<GivenByName>(new Map());
  const [other, setOther] = useState("");
  const [wait, setWait] = useState("10");
  // Problems are told once one has tried, so that an empty form does not complain.
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [called, setCalled] = useState<Called | undefined>(undefined);
  const [error, setError] = useState<Error | undefined>(undefined);
  const stop = useRef(new AbortController());
  const form = useRef<HTMLFormElement>(null);
  const id = useId();
  useEffect(() => {
    const current = new AbortController();
    stop.current = current;
    return () => current.abort();
  }, []);

  const problems = new Map(parameters.map((one) => [one.name, problem(one, given.get(one.name))]));
  const otherWrong = found.parameters.open ? otherProblem(other, parameters) : undefined;
  const isWrong = otherWrong !== undefined || [...problems.values()].some((text) => text !== undefined);

  const send = async (event: Event) => {
    event.preventDefault();
    setTried(true);
    if (busy) return;
    if (isWrong) {
      // The field is marked with the next drawing.
      requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
      return;
    }
    const { signal } = stop.current;
    setBusy(true);
    setError(undefined);
    const began = performance.now();
    try {
      const seconds = Math.min(WAIT_MOST_S, Math.max(0, Number(wait) || 0));
      const body = bodyOf(parameters, given, found.parameters.open ? other : "");
      const outcome = await call(
        session.account,
        found.label,
        body,
        seconds > 0 ? seconds : undefined,
        signal,
      );
      if (!signal.aborted) setCalled({ outcome, tookMs: performance.now() - began });
    } catch (failure) {
      if (!signal.aborted) setError(failure as Error);
    } finally {
      if (!signal.aborted) setBusy(false);
    }
  };
  const set = (name: string) => (value: Given) => setGiven((before) => new Map(before).set(name, value));
  return (
    <section class="panel padded stack">
      <form ref={form} class="stack" noValidate onSubmit={send}>
        {parameters.map((one) => (
          <Field
            key={one.name}
            parameter={one}
            given={given.get(one.name) ?? { text: "" }}
            wrong={tried ? problems.get(one.name) : undefined}
            onGiven={set(one.name)}
          />
        ))}
        {found.parameters.open ? (
          <div class="try-field">
            <label for={`${id}-other`}>Other arguments</label>
            <div class="field">
              <textarea
                id={`${id}-other`}
                class="code"
                rows={2}
                spellcheck={false}
                value={other}
                placeholder='{"size": 3}'
                aria-invalid={tried && otherWrong !== undefined}
                aria-describedby={`${id}-other-note`}
                onInput={(event) => setOther(event.currentTarget.value)}
              />
              <FieldNote
                id={`${id}-other-note`}
                wrong={tried ? otherWrong : undefined}
                note="a JSON object, optional"
              />
            </div>
          </div>
        ) : null}
        {parameters.length === 0 && !found.parameters.open ? (
          <p class="soft">It takes no arguments.</p>
        ) : null}
        <div class="row">
          <button type="submit" class="primary" disabled={busy}>
            {busy ? "Calling…" : "Call"}
          </button>
          <label class="row small">
            <span>wait up to</span>
            <input
              class="short-number"
              type="number"
              min="0"
              max={WAIT_MOST_S}
              step="any"
              value={wait}
              onInput={(event) => setWait(event.currentTarget.value)}
            />
            <span>s for the result</span>
          </label>
        </div>
      </form>
      <div class="stack" aria-live="polite">
        {error ? <ErrorNote error={error} /> : null}
        {called && !error ? (
          <Answer outcome={called.outcome} tookMs={called.tookMs} label={found.label} />
        ) : null}
      </div>
    </section>
  );
}

interface FieldProps {
  parameter: Parameter;
  given: Given;
  wrong: string | undefined;
  onGiven: (given: Given) => void;
}

function Field({ parameter, given, wrong, onGiven }: FieldProps) {
  const { name, schema, required } = parameter;
  const id = useId();
  const file = asFile(schema);
  const few = choices(schema);
  const otherwise = parameter.default === undefined ? undefined : JSON.stringify(parameter.default);
  const note = `${words(schema)}${required ? "" : otherwise === undefined ? ", optional" : `, otherwise ${shortened(otherwise, SHOWN_MOST)}`}`;
  const common = { id, "aria-invalid": wrong !== undefined, "aria-describedby": `${id}-note` };
  const [withFile, setWithFile] = useState(file === "only");
  return (
    <div class="try-field">
      <label for={id}>
        <code>{visible(name)}</code>
        {required ? <span class="visually-hidden"> (required)</span> : null}
      </label>
      <div class="field">
        {withFile ? (
          <input
            {...common}
            type="file"
            onChange={(event) => onGiven({ text: "", file: event.currentTarget.files?.[0] })}
          />
        ) : few ? (
          <select
            {...common}
            value={given.text}
            onChange={(event) => onGiven({ text: event.currentTarget.value })}
          >
            <option value="">{required ? "choose…" : "not given"}</option>
            {few.map((value) => (
              <option key={JSON.stringify(value)} value={JSON.stringify(value)}>
                {visible(JSON.stringify(value))}
              </option>
            ))}
          </select>
        ) : (
          <textarea
            {...common}
            class="code"
            rows={1}
            spellcheck={false}
            value={given.text}
            placeholder={otherwise && visible(shortened(otherwise, SHOWN_MOST))}
            onInput={(event) => onGiven({ text: event.currentTarget.value })}
          />
        )}
        <div class="row spread">
          <FieldNote id={`${id}-note`} wrong={wrong} note={note} />
          {file === "perhaps" ? (
            <button
              type="button"
              class="plain small"
              onClick={() => {
                setWithFile(!withFile);
                onGiven({ text: "" });
              }}
            >
              {withFile ? "JSON instead" : "A file instead"}
              <span class="visually-hidden"> for {visible(name)}</span>
            </button>
          ) : null}
        </div>
      </div>
    </div>
  );
}

function FieldNote({ id, wrong, note }: { id: string; wrong: string | undefined; note: string }) {
  return (
    <p id={id} class={`small ${wrong ? "field-wrong" : "soft"}`}>
      {visible(wrong ?? note)}
    </p>
  );
}
