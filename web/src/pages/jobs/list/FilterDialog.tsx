// The filters that are not needed every day.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { api, data } from "../../../api/http";
import type { ServiceInfo } from "../../../api/types";
import { useLive } from "../../../live/useLive";
import { Dialog } from "../../../ui/Dialog";
import type { FilterBarProps } from "./FilterBar";
import { type Filters, fromLocalInput, toLocalInput } from "./filters";

export function FilterDialog({ filters, onFilter, onClose }: FilterBarProps & { onClose: () => void }) {
  const [wanted, setWanted] = useState<Filters>(filters);
  const set = (change: Partial<Filters>) => setWanted((old) => ({ ...old, ...change }));
  const service = useLive<ServiceInfo>("service", [], async (signal) =>
    data(await api.GET("/v1/service", { signal })),
  );
  const types = new Set((service.data?.core_types ?? []).map((type) => type.name));
  if (wanted.coreType !== "") types.add(wanted.coreType);

  const text = (name: "function" | "label" | "queue", says: string) => (
    <Field says={says}>
      <input
        type="text"
        autocomplete="off"
        spellcheck={false}
        value={wanted[name]}
        onInput={(event) => set({ [name]: event.currentTarget.value })}
      />
    </Field>
  );
  const jid = (name: "parent" | "map", says: string) => (
    <Field says={says}>
      <input
        type="text"
        inputMode="numeric"
        pattern="[1-9][0-9]*"
        title="the id of a job"
        autocomplete="off"
        maxLength={16}
        value={wanted[name] ?? ""}
        onInput={(event) => {
          const digits = event.currentTarget.value.replace(/\D/g, "");
          event.currentTarget.value = digits;
          set({ [name]: digits === "" ? undefined : Number(digits) });
        }}
      />
    </Field>
  );
  const moment = (name: "from" | "until", says: string) => (
    <Field says={says}>
      <input
        type="datetime-local"
        value={toLocalInput(wanted[name])}
        onInput={(event) => set({ since: undefined, [name]: fromLocalInput(event.currentTarget.value) })}
      />
    </Field>
  );
  return (
    <Dialog title="Filters" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onClose();
          onFilter(wanted);
        }}
      >
        <div class="job-form">
          {text("function", "Function, exactly")}
          {text("label", "Label, exactly")}
          {text("queue", "Queue")}
          <Field says="Core type">
            <select
              value={wanted.coreType}
              onChange={(event) => set({ coreType: event.currentTarget.value })}
            >
              <option value="">any</option>
              {[...types].map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </Field>
          {moment("from", "Created from")}
          {moment("until", "Created before")}
          {jid("parent", "Made by job")}
          {jid("map", "In the map that begins with job")}
        </div>
        <div class="dialog-actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="primary">
            Show
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Field({ says, children }: { says: string; children: ComponentChildren }) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is what it is put around
    <label class="field">
      <span>{says}</span>
      {children}
    </label>
  );
}
