// Keys for programs: the Python package, the command line, curl.
import { useState } from "preact/hooks";
import { api, data } from "../../api/http";
import type { Key, KeySecret } from "../../api/types";
import { useLive } from "../../live/useLive";
import { Confirm } from "../../ui/Dialog";
import { LiveNote } from "../../ui/LiveNote";
import { ErrorNote, say, sayError } from "../../ui/Notes";
import { Time } from "../../ui/Time";
import { visible } from "../../ui/text";
import { useEvery } from "../../ui/useEvery";
import { useArrival } from "./arrival";
import { Secret } from "./Secret";
import { Section } from "./Section";

const AGAIN_MS = 30_000;
const NOTE_MAX = 200;

export function ApiKeys() {
  const [open, setOpen] = useState(false);
  const [made, setMade] = useState<KeySecret>();
  const [stopping, setStopping] = useState<Key>();
  const live = useLive("keys", [], async (signal) => data(await api.GET("/v1/keys", { signal })).keys);
  useArrival("keys", live.loading);
  useEvery(AGAIN_MS, live.refresh);

  const activate = async (key: Key) => {
    try {
      await api.POST("/v1/keys/{key}/activate", { params: { path: { key: key.api_key } } });
      say(`Key ${key.api_key} can be used again.`);
      live.refresh();
    } catch (error) {
      sayError(error);
    }
  };

  return (
    <Section
      title="API keys"
      about="Programs use them: the Python package, the command line, anything that speaks HTTP."
      actions={
        open ? null : (
          <button type="button" onClick={() => setOpen(true)}>
            Create a key
          </button>
        )
      }
    >
      {open ? (
        <NewKey
          onClose={() => setOpen(false)}
          onMade={(key) => {
            setMade(key);
            setOpen(false);
            live.refresh();
          }}
        />
      ) : null}
      {made ? <Secret made={made} /> : null}
      <LiveNote live={live} />
      <div class="keys" aria-busy={live.loading}>
        {live.data?.length === 0 ? (
          <p class="soft padded">
            Keys are listed here. The first one is made by the button above, or by{" "}
            <code>picloud key create</code>.
          </p>
        ) : null}
        {live.data && live.data.length > 0 ? (
          <table class="cards">
            <thead>
              <tr>
                <th scope="col">Key</th>
                <th scope="col">Note</th>
                <th scope="col">Created</th>
                <th scope="col">State</th>
                <th scope="col">
                  <span class="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {live.data.map((key) => (
                <tr key={key.api_key} class={key.active ? undefined : "over"}>
                  <td>
                    <strong>{key.api_key}</strong>
                  </td>
                  <td data-label="Note" class="note">
                    {key.note ? visible(key.note) : "–"}
                  </td>
                  <td data-label="Created">
                    <Time at={key.created} />
                  </td>
                  <td data-label="State">{key.active ? "active" : "deactivated"}</td>
                  <td class="actions">
                    {key.active ? (
                      <button
                        type="button"
                        aria-label={`Deactivate key ${key.api_key}`}
                        onClick={() => setStopping(key)}
                      >
                        Deactivate
                      </button>
                    ) : (
                      <button
                        type="button"
                        aria-label={`Activate key ${key.api_key}`}
                        onClick={() => activate(key)}
                      >
                        Activate
                      </button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        ) : null}
      </div>
      {stopping ? (
        <Confirm
          title={`Deactivate key ${stopping.api_key}`}
          verb="Deactivate it"
          onClose={() => setStopping(undefined)}
          act={async () => {
            await api.POST("/v1/keys/{key}/deactivate", { params: { path: { key: stopping.api_key } } });
            say(`Key ${stopping.api_key} is refused from now on.`);
            live.refresh();
          }}
        >
          Programs that use it are refused from now on. Jobs that run go on, and the key can be activated
          again.
        </Confirm>
      ) : null}
    </Section>
  );
}

function NewKey({ onClose, onMade }: { onClose: () => void; onMade: (key: KeySecret) => void }) {
  const [note, setNote] = useState("");
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<Error>();
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    setRefused(undefined);
    try {
      onMade(data(await api.POST("/v1/keys", { body: { note: note.trim() } })));
    } catch (error) {
      setRefused(error as Error);
      setBusy(false);
    }
  };
  return (
    <form class="setting-form" onSubmit={submit}>
      <label class="field">
        <span>What it is for</span>
        <input
          value={note}
          maxLength={NOTE_MAX}
          placeholder="laptop"
          autocomplete="off"
          onInput={(event) => setNote(event.currentTarget.value)}
        />
      </label>
      {refused ? <ErrorNote error={refused} /> : null}
      <div class="row">
        <button type="submit" class="primary" disabled={busy}>
          Create it
        </button>
        <button type="button" onClick={onClose}>
          Cancel
        </button>
      </div>
    </form>
  );
}
