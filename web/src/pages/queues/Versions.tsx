// The versions of what is attached to a queue, and the way back to an earlier one.
import { useState } from "preact/hooks";
import { api, data } from "../../api/http";
import type { paths } from "../../api/schema";
import type { QueueInfo } from "../../api/types";
import { useLive } from "../../live/useLive";
import { Confirm } from "../../ui/Dialog";
import { ErrorNote, say } from "../../ui/Notes";
import { Time } from "../../ui/Time";
import { visible } from "../../ui/text";

type VersionList =
  paths["/v1/queues/{queue}/attachment/versions"]["get"]["responses"]["200"]["content"]["application/json"];

export function Versions({ queue, onChanged }: { queue: QueueInfo; onChanged: () => void }) {
  const [asked, setAsked] = useState<number | undefined>(undefined);
  const path = { queue: queue.name };
  const found = useLive<VersionList>(
    `versions-${queue.name}-${queue.attachment?.version ?? 0}`,
    [],
    async (signal) =>
      data(await api.GET("/v1/queues/{queue}/attachment/versions", { params: { path }, signal })),
  );
  if (found.error) return <ErrorNote error={found.error} />;
  if (!found.data) return <p class="soft">Loading…</p>;
  const { current, versions } = found.data;
  if (versions.length === 0) return <p class="soft">Nothing was ever attached to this queue.</p>;
  const rollback = async () => {
    data(
      await api.POST("/v1/queues/{queue}/attachment/rollback", {
        params: { path },
        body: { version: asked ?? null },
      }),
    );
    say(`Version ${asked} handles ${queue.name} from now on`);
    found.refresh();
    onChanged();
  };
  return (
    <section class="panel">
      <table class="cards">
        <thead>
          <tr>
            <th scope="col">Version</th>
            <th scope="col">Handler</th>
            <th scope="col">Attached</th>
            <th scope="col">Cores</th>
            <th scope="col">Code</th>
            <th scope="col">
              <span class="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {versions.map((one) => (
            <tr key={one.version}>
              <td>
                {one.version} {one.version === current ? <span class="tag">in use</span> : null}
              </td>
              <td data-label="Handler">{visible(one.handler)}</td>
              <td data-label="Attached">
                <Time at={one.attached} />
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
          title={`Let version ${asked} handle ${queue.name}?`}
          verb="Roll back"
          act={rollback}
          onClose={() => setAsked(undefined)}
        >
          New jobs use it. Running jobs of other versions end after the messages they hold.
        </Confirm>
      ) : null}
    </section>
  );
}
