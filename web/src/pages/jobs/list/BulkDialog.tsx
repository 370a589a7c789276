// Asks before jobs are killed or deleted, says how many it will be, and how far it came.
import { useEffect, useRef, useState } from "preact/hooks";
import { Dialog } from "../../../ui/Dialog";
import { count } from "../../../ui/format";
import { ErrorNote, say } from "../../../ui/Notes";
import { act, type Found, find, type Outcome, type Verb } from "./bulk";
import { BULK } from "./bulkApi";
import { type Range, sizeOf } from "./jidset";
import { jobs } from "./words";

interface BulkProps {
  verb: Verb;
  ranges: readonly Range[];
  /** Something was done to the jobs. */
  onDone: () => void;
  onClose: () => void;
}

type Stage =
  | { at: "looking"; looked: number }
  | { at: "asking"; found: Found }
  | { at: "working"; sent: number }
  | { at: "failed"; error: Error; outcome: Outcome | undefined };

export function BulkDialog({ verb, ranges, onDone, onClose }: BulkProps) {
  const [stage, setStage] = useState<Stage>({ at: "looking", looked: 0 });
  const total = sizeOf(ranges);
  const chosen = useRef(ranges);
  const targets = useRef<Range[]>([]);
  const here = useRef(true);

  useEffect(() => {
    here.current = true;
    return () => {
      here.current = false;
    };
  }, []);
  useEffect(() => {
    const stop = new AbortController();
    const looked = (so_far: number) => setStage({ at: "looking", looked: so_far });
    find(BULK, chosen.current, looked, stop.signal).then(
      (found) => {
        targets.current = verb === "kill" ? found.unfinished : found.finished;
        if (!stop.signal.aborted) setStage({ at: "asking", found });
      },
      (error: Error) => {
        if (!stop.signal.aborted) setStage({ at: "failed", error, outcome: undefined });
      },
    );
    return () => stop.abort();
  }, [verb]);

  const size = sizeOf(targets.current);
  const doIt = async () => {
    setStage({ at: "working", sent: 0 });
    const outcome = await act(BULK, verb, targets.current, (sent) => setStage({ at: "working", sent }));
    if (outcome.done > 0 || !outcome.error) onDone();
    if (outcome.error) {
      setStage({ at: "failed", error: outcome.error, outcome });
      // The dialog may have been closed meanwhile.
      if (!here.current) say(`${outcome.error.message}. ${aftermath(verb, size, outcome)}`, true);
    } else {
      say(`${jobs(outcome.done)} ${verb === "kill" ? "killed" : "deleted"}.`);
      if (here.current) onClose();
    }
  };

  const busy = stage.at === "working";
  return (
    <Dialog title={`${verb === "kill" ? "Kill" : "Delete"} jobs`} onClose={onClose}>
      <div class="stack job-bulk" aria-live="polite">
        {stage.at === "looking" ? (
          <p>
            Looking at {jobs(total)}
            {stage.looked > 0 ? `, ${count(stage.looked)} so far` : ""}…
          </p>
        ) : null}
        {stage.at === "asking" ? <Question verb={verb} found={stage.found} /> : null}
        {stage.at === "working" ? (
          <p>
            {verb === "kill" ? "Killing" : "Deleting"} {jobs(size)}
            {stage.sent > 0 ? `, ${count(stage.sent)} so far` : ""}…
          </p>
        ) : null}
        {stage.at === "failed" ? (
          <>
            <ErrorNote error={stage.error} />
            <p>{aftermath(verb, size, stage.outcome)}</p>
          </>
        ) : null}
      </div>
      <div class="dialog-actions">
        <button type="button" onClick={onClose}>
          {stage.at === "failed" || busy ? "Close" : "Cancel"}
        </button>
        {stage.at === "failed" ? null : (
          <button type="button" class="danger" disabled={stage.at !== "asking" || size === 0} onClick={doIt}>
            {verb === "kill" ? "Kill" : "Delete"} {stage.at === "looking" ? "jobs" : jobs(size)}
          </button>
        )}
      </div>
    </Dialog>
  );
}

function Question({ verb, found }: { verb: Verb; found: Found }) {
  const [size, left] =
    verb === "kill"
      ? [sizeOf(found.unfinished), sizeOf(found.finished)]
      : [sizeOf(found.finished), sizeOf(found.unfinished)];
  const why = verb === "kill" ? "already finished" : "not finished";
  return (
    <>
      {size === 0 ? (
        <p>There is nothing to {verb}.</p>
      ) : verb === "kill" ? (
        <p>
          {jobs(size)} will end now and {size === 1 ? "has" : "have"} no result.
        </p>
      ) : (
        <p>
          {jobs(size)} will be gone with {size === 1 ? "its" : "their"} results and output. This cannot be
          taken back.
        </p>
      )}
      {left > 0 ? (
        <p class="soft">
          {jobs(left)} {left === 1 ? "is" : "are"} {why} and left out.
        </p>
      ) : null}
      {found.gone > 0 ? (
        <p class="soft">
          {jobs(found.gone)} {found.gone === 1 ? "is" : "are"} not there: deleted, or not sent yet.
        </p>
      ) : null}
    </>
  );
}

/** What is known after a refusal. */
function aftermath(verb: Verb, size: number, outcome: Outcome | undefined): string {
  const done = verb === "kill" ? "killed" : "deleted";
  if (!outcome) return `Nothing was ${done}.`;
  const rest = size - outcome.sent;
  const unsure = Math.min(rest, 10_000);
  return (
    `${jobs(outcome.done)} of ${count(size)} ${outcome.done === 1 ? "was" : "were"} ${done}. ` +
    `What became of the next ${count(unsure)} is shown in the list${rest > unsure ? "; the others were not touched" : ""}.`
  );
}
