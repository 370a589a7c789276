// When a cron fires, changed with its next firings before one's eyes.
import { useEffect, useId, useState } from "preact/hooks";
import { Refusal } from "../../api/refusal";
import { Dialog } from "../../ui/Dialog";
import { ErrorNote, say } from "../../ui/Notes";
import { visible } from "../../ui/text";
import { type CronChange, type CronInfo, change, type Overlap, preview } from "./api";
import { Ticks } from "./Ticks";
import { OVERLAPS } from "./words";

/** One types on for so long without a question at each letter. */
const PAUSE_MS = 250;

interface Previewed {
  of: string;
  ticks?: number[];
  error?: Error;
}

function usePreview(schedule: string, timezone: string): Previewed | undefined {
  const [found, setFound] = useState<Previewed | undefined>(undefined);
  useEffect(() => {
    const stop = new AbortController();
    const of = JSON.stringify([schedule, timezone]);
    const timer = window.setTimeout(async () => {
      try {
        const ticks = await preview(schedule, timezone, stop.signal);
        if (!stop.signal.aborted) setFound({ of, ticks });
      } catch (error) {
        if (!stop.signal.aborted) setFound({ of, error: error as Error });
      }
    }, PAUSE_MS);
    return () => {
      window.clearTimeout(timer);
      stop.abort();
    };
  }, [schedule, timezone]);
  return found;
}

interface EditProps {
  cron: CronInfo;
  onSaved: () => void;
  onClose: () => void;
}

export function EditCron({ cron, onSaved, onClose }: EditProps) {
  const [schedule, setSchedule] = useState(cron.schedule);
  const [timezone, setTimezone] = useState(cron.timezone);
  const [overlap, setOverlap] = useState<Overlap>(cron.overlap);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error | undefined>(undefined);
  const id = useId();
  const found = usePreview(schedule, timezone.trim());
  const isCurrent = found?.of === JSON.stringify([schedule, timezone.trim()]);
  // What the server refuses is about the fields; that it is away is not.
  const wrong = found?.error instanceof Refusal && found.error.status === 400 ? found.error : undefined;
  const isZone = wrong !== undefined && /zone/i.test(wrong.message);

  const save = async (event: Event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setError(undefined);
    // What was not touched is not sent, so that the tick that is due next stays due.
    const body: CronChange = {
      ...(schedule === cron.schedule ? {} : { schedule }),
      ...(timezone.trim() === cron.timezone ? {} : { timezone: timezone.trim() }),
      ...(overlap === cron.overlap ? {} : { overlap }),
    };
    try {
      await change(cron.label, body);
      say(`${cron.label} is changed`);
      onSaved();
      onClose();
    } catch (failure) {
      setError(failure as Error);
      setBusy(false);
    }
  };
  return (
    <Dialog title={`When ${cron.label} fires`} onClose={onClose}>
      <form class="stack edit-cron" onSubmit={save}>
        <label class="field">
          <span>Schedule: minute, hour, day of the month, month, day of the week</span>
          <input
            class="code-input"
            value={schedule}
            spellcheck={false}
            autocomplete="off"
            required
            aria-invalid={wrong !== undefined && !isZone}
            aria-describedby={`${id}-told`}
            onInput={(event) => setSchedule(event.currentTarget.value)}
          />
        </label>
        <label class="field">
          <span>Time zone; empty is UTC</span>
          <input
            value={timezone}
            spellcheck={false}
            autocomplete="off"
            list={`${id}-zones`}
            placeholder="UTC"
            aria-invalid={isZone}
            aria-describedby={`${id}-told`}
            onInput={(event) => setTimezone(event.currentTarget.value)}
          />
          <datalist id={`${id}-zones`}>
            {Intl.supportedValuesOf("timeZone").map((zone) => (
              <option key={zone} value={zone} />
            ))}
          </datalist>
        </label>
        <div class="edit-told" id={`${id}-told`} aria-live="polite">
          {found?.error ? (
            <div class="field-error">
              <p>{visible(found.error.message)}</p>
              {found.error instanceof Refusal && found.error.hint ? (
                <p class="small">{visible(found.error.hint)}</p>
              ) : null}
            </div>
          ) : found?.ticks?.length === 0 ? (
            <p class="soft">It would never fire: there is no such day.</p>
          ) : found?.ticks ? (
            <Ticks ticks={found.ticks} zone={timezone.trim() || "UTC"} />
          ) : null}
        </div>
        <fieldset class="overlap-choices">
          <legend class="small soft">At a tick while the job before has not ended</legend>
          {OVERLAPS.map((one) => (
            <label key={one.overlap} class="check">
              <input
                type="radio"
                name={`${id}-overlap`}
                checked={overlap === one.overlap}
                onChange={() => setOverlap(one.overlap)}
              />
              <span>
                {one.title} <span class="small soft">{one.means}</span>
              </span>
            </label>
          ))}
        </fieldset>
        {error ? <ErrorNote error={error} /> : null}
        <div class="dialog-actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={busy || !isCurrent || found?.error !== undefined}>
            Save
          </button>
        </div>
      </form>
    </Dialog>
  );
}
