// Volumes: directory trees that jobs see. They are filled by `sync`; here one can look and delete.
import { useState } from "preact/hooks";
import { Link } from "wouter-preact";
import { api, data } from "../../api/http";
import type { ListedEntry, Volume } from "../../api/types";
import { useLive } from "../../live/useLive";
import { changedQuery, useQuery } from "../../ui/address";
import { Confirm } from "../../ui/Dialog";
import { Empty } from "../../ui/Empty";
import { bytes, count } from "../../ui/format";
import { LiveNote } from "../../ui/LiveNote";
import { say } from "../../ui/Notes";
import { Time } from "../../ui/Time";
import { visible } from "../../ui/text";
import { useEvery } from "../../ui/useEvery";
import { Crumbs } from "./Crumbs";
import { Sign } from "./Objects";
import { folderOf } from "./paths";

const AGAIN_MS = 10_000;
/** Lines of a directory that are drawn, and added at a time. */
const STEP = 500;

const FIRST_LINES = `import cloud
cloud.volume.create("genomes", "genomes", "reference genomes")
cloud.volume.sync("genomes/", "genomes:")`;

function address(volume: string, path: string): string {
  return `/storage/volumes${changedQuery(new URLSearchParams(), { volume, path })}`;
}

export function Volumes() {
  const [query] = useQuery();
  const volume = query.get("volume");
  const path = folderOf(query.get("path"));
  return volume === null ? <All /> : <Inside key={`${volume}\u0000${path}`} volume={volume} path={path} />;
}

function All() {
  const [deleting, setDeleting] = useState<Volume>();
  const live = useLive(
    "volumes",
    [],
    async (signal) => data(await api.GET("/v1/volumes", { signal })).volumes,
  );
  useEvery(AGAIN_MS, live.refresh);
  const volumes = live.data;
  return (
    <>
      <LiveNote live={live} />
      <div class="panel drop" aria-busy={live.loading}>
        {volumes?.length === 0 ? (
          <Empty title="Directory trees for jobs are listed here." code={FIRST_LINES} />
        ) : null}
        {volumes && volumes.length > 0 ? (
          <table class="cards">
            <thead>
              <tr>
                <th scope="col">Volume</th>
                <th scope="col">Jobs see it at</th>
                <th scope="col" class="number">
                  Files
                </th>
                <th scope="col" class="number">
                  Size
                </th>
                <th scope="col">Modified</th>
                <th scope="col">
                  <span class="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {volumes.map((volume) => (
                <tr key={volume.name}>
                  <td>
                    <Link href={address(volume.name, "")} class="entry">
                      <Sign folder />
                      <span class="name">{visible(volume.name)}</span>
                    </Link>
                    {volume.description ? (
                      <div class="small soft name">{visible(volume.description)}</div>
                    ) : null}
                  </td>
                  <td data-label="Jobs see it at">
                    <code class="name">{visible(volume.mount_path)}</code>
                  </td>
                  <td class="number" data-label="Files">
                    {count(volume.files)}
                  </td>
                  <td class="number" data-label="Size">
                    {bytes(volume.bytes)}
                  </td>
                  <td data-label="Modified">
                    <Time at={volume.modified} />
                  </td>
                  <td class="actions">
                    <button
                      type="button"
                      class="danger"
                      aria-label={`Delete ${visible(volume.name)}`}
                      onClick={() => setDeleting(volume)}
                    >
                      Delete
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        ) : null}
      </div>
      {deleting ? (
        <Confirm
          title="Delete this volume"
          verb="Delete it"
          onClose={() => setDeleting(undefined)}
          act={async () => {
            await api.DELETE("/v1/volumes/{name}", { params: { path: { name: deleting.name } } });
            say("The volume is deleted.");
            live.refresh();
          }}
        >
          <strong class="name">{visible(deleting.name)}</strong> with its{" "}
          {deleting.files === 1 ? "one file" : `${count(deleting.files)} files`} will be gone for good. Jobs
          that wait for it will not start.
        </Confirm>
      ) : null}
    </>
  );
}

function Inside({ volume, path }: { volume: string; path: string }) {
  const [shown, setShown] = useState(STEP);
  const live = useLive(`${volume}\u0000${path}`, [], async (signal) => {
    const { listings } = data(
      await api.POST("/v1/volumes/{name}/ls", {
        params: { path: { name: volume } },
        body: { paths: [path.replace(/\/$/, "")] },
        signal,
      }),
    );
    return listings[0]?.entries ?? [];
  });
  const entries = live.data;
  return (
    <>
      <Crumbs
        top={{ title: volume, href: address(volume, "") }}
        prefix={path}
        address={(prefix) => address(volume, prefix)}
      />
      <LiveNote live={live} />
      <div class="panel drop" aria-busy={live.loading}>
        {entries?.length === 0 && path === "" ? (
          <Empty
            title="The volume is empty. A sync fills it with the files of a directory."
            code={`picloud volume sync directory/ ${volume}:`}
          />
        ) : null}
        {entries?.length === 0 && path !== "" ? <p class="padded soft">This directory is empty.</p> : null}
        {entries && entries.length > 0 ? (
          <Directory volume={volume} path={path} entries={entries.slice(0, shown)} />
        ) : null}
      </div>
      {entries && entries.length > shown ? (
        <div class="row">
          <button type="button" onClick={() => setShown(shown + STEP)}>
            Show more
          </button>
          <span class="soft">
            {count(shown)} of {count(entries.length)} are shown
          </span>
        </div>
      ) : null}
    </>
  );
}

function Directory({
  volume,
  path,
  entries,
}: {
  volume: string;
  path: string;
  entries: readonly ListedEntry[];
}) {
  return (
    <table class="cards">
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col" class="number">
            Size
          </th>
          <th scope="col">Modified</th>
        </tr>
      </thead>
      <tbody>
        {entries.map((entry) => {
          const folder = entry.name.endsWith("/");
          return (
            <tr key={entry.name}>
              <td>
                {folder ? (
                  <Link href={address(volume, path + entry.name)} class="entry">
                    <Sign folder />
                    <span class="name">{visible(entry.name)}</span>
                  </Link>
                ) : (
                  <span class="entry">
                    <Sign />
                    <span class="name">{visible(entry.name)}</span>
                  </span>
                )}
              </td>
              <td class="number" data-label="Size">
                {folder ? "–" : bytes(entry.size)}
              </td>
              <td data-label="Modified">
                <Time at={entry.modified} />
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
