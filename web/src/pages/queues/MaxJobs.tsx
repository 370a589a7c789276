// How many jobs may handle a queue's messages at the same time, changed in place.
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { api, data } from "../../api/http";
import type { QueueInfo } from "../../api/types";
import { say, sayError } from "../../ui/Notes";

export function MaxJobs({ queue, onChanged }: { queue: QueueInfo; onChanged: () => void }) {
  const now = queue.attachment?.max_parallel_jobs ?? 0;
  const [text, setText] = useState(String(now));
  const [busy, setBusy] = useState(false);
  const edited = useRef(false);
  const id = useId();
  // What another window changed is shown, unless one is about to change it here.
  useEffect(() => {
    if (!edited.current) setText(String(now));
  }, [now]);

  const wanted = /^\d{1,9}$/.test(text.trim()) ? Number(text.trim()) : undefined;
  const save = async (event: Event) => {
    event.preventDefault();
    if (wanted === undefined || busy) return;
    setBusy(true);
    try {
      data(
        await api.PATCH("/v1/queues/{queue}", {
          params: { path: { queue: queue.name } },
          body: { max_parallel_jobs: wanted },
        }),
      );
      edited.current = false;
      say(`At most ${wanted} ${wanted === 1 ? "job handles" : "jobs handle"} ${queue.name} at the same time`);
      onChanged();
    } catch (error) {
      sayError(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form class="max-jobs" onSubmit={save}>
      <label for={id}>max_parallel_jobs</label>
      <input
        id={id}
        type="number"
        min="0"
        step="1"
        inputMode="numeric"
        required
        value={text}
        onInput={(event) => {
          edited.current = true;
          setText(event.currentTarget.value);
        }}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          edited.current = false;
          setText(String(now));
        }}
      />
      <button type="submit" disabled={busy || wanted === undefined || wanted === now}>
        Save
      </button>
    </form>
  );
}
