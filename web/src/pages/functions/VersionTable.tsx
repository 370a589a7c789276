// The versions of a published function, and the way back to an earlier one.
import { useState } from "preact/hooks";
import { api, data } from "../../api/http";
import { useLive } from "../../live/useLive";
import { Confirm } from "../../ui/Dialog";
import { LiveNote } from "../../ui/LiveNote";
import { say } from "../../ui/Notes";
import { Time } from "../../ui/Time";
import { visible } from "../../ui/text";
import { versions } from "./api";

interface VersionProps {
  label: string;
  version: number;
  onChanged: () => void;
}

export function VersionTable({ label, version, onChanged }: VersionProps) {
  const [asked, setAsked] = useState<number | undefined>(undefined);
  const found = useLive(`published-versions-${label}-${version}`, [], (signal) => versions(label, signal));
  if (!found.data) return found.error ? <LiveNote live={found} /> : <p class="soft">Loading…</p>;
  const { current, versions: all } = found.data;
  const rollback = async () => {
    data(
      await api.POST("/v1/published/{label}/rollback", {
        params: { path: { label } },
        body: { version: asked ?? null },
      }),
    );
    say(`Calls of ${label} use version ${asked} from now on`);
    found.refresh();
    onChanged();
  };
  return (
    <section class="panel">
      <table class="cards">
        <thead>
          <tr>
            <th scope="col">Version</th>
            <th scope="col">Signature</th>
            <th scope="col">Published</th>
            <th scope="col">Cores</th>
            <th scope="col">Code</th>
            <th scope="col">
              <span class="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {all.map((one) => (
            <tr key={one.version}>
              <td>
                {one.version} {one.version === current ? <span class="mark">in use</span> : null}
              </td>
              <td data-label="Signature">
                <code>{visible(one.signature)}</code>
              </td>
              <td data-label="Published">
                <Time at={one.published} />
              </td>
              <td data-label="Cores">
                {one.cores} × {one.core_type}
              </td>
              <td data-label="Code">
                <code>{one.code_version ? one.code_version.slice(0, 12) : "–"}</code>
              </td>
              <td class="actions">
                {one.version === current ? null : (
                  <button type="button" onClick={() => setAsked(one.version)}>
                    Roll back
                    <span class="visually-hidden"> to version {one.version}</span>
                  </button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {asked !== undefined ? (
        <Confirm
          title={`Let calls of ${label} use version ${asked}?`}
          verb="Roll back"
          act={rollback}
          onClose={() => setAsked(undefined)}
        >
          Its address stays. Calls that were made before end as they began.
        </Confirm>
      ) : null}
    </section>
  );
}
