// The bucket: folders and objects, page by page.
import { useCallback, useRef, useState } from "preact/hooks";
import { Link } from "wouter-preact";
import { api, data } from "../../api/http";
import type { BucketInfo, ListReply, ObjectInfo } from "../../api/types";
import { useLive } from "../../live/useLive";
import { changedQuery, useQuery } from "../../ui/address";
import { Confirm } from "../../ui/Dialog";
import { Empty } from "../../ui/Empty";
import { bytes, count } from "../../ui/format";
import { LiveNote } from "../../ui/LiveNote";
import { say, sayError } from "../../ui/Notes";
import { Time } from "../../ui/Time";
import { visible } from "../../ui/text";
import { useEvery } from "../../ui/useEvery";
import { Crumbs } from "./Crumbs";
import { ObjectDialog } from "./ObjectDialog";
import { fileName, folderOf, nameIn, objectAddress, partOf } from "./paths";
import { Uploads } from "./Uploads";
import { startUploads, useUploads } from "./uploads";

const PAGE = 200;
const AGAIN_MS = 10_000;
/** Keys that are asked about at one time. */
const ASKED_MAX = 1_000;

const FIRST_LINES = `import cloud
cloud.bucket.putf(b"hello", "notes/today.txt")
print(cloud.bucket.getf("notes/today.txt").read())`;

const folderAddress = (prefix: string) => `/storage${changedQuery(new URLSearchParams(), { prefix })}`;

interface Chosen {
  files: { key: string; file: File }[];
  replaced: number;
}

export function Objects() {
  const [query, change] = useQuery();
  const prefix = folderOf(query.get("prefix"));
  const marker = query.get("after") ?? "";
  const live = useLive(`${prefix}\u0000${marker}`, [], async (signal) => {
    const page = { folders: true, limit: PAGE, ...(prefix ? { prefix } : {}), ...(marker ? { marker } : {}) };
    const [info, list] = await Promise.all([
      api.GET("/v1/bucket", { signal }),
      api.GET("/v1/bucket/list", { params: { query: page }, signal }),
    ]);
    return { info: data(info), list: data(list), prefix, marker };
  });
  useEvery(AGAIN_MS, live.refresh);
  const uploads = useUploads(live.refresh);

  const [open, setOpen] = useState<ObjectInfo>();
  const [emptying, setEmptying] = useState(false);
  const [chosen, setChosen] = useState<Chosen>();
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);

  const found = live.data;
  const most = found?.info.object_max_bytes;
  const choose = useCallback(
    async (list: FileList | null | undefined) => {
      const files = [...(list ?? [])].map((file) => ({ key: prefix + file.name, file }));
      const large = files.filter(({ file }) => most !== undefined && file.size > most);
      if (large.length > 0) {
        say(`An object has at most ${bytes(most)}: ${large.map(({ file }) => file.name).join(", ")}`, true);
        return;
      }
      try {
        const replaced = await howManyAreThere(files.map(({ key }) => key));
        if (replaced > 0) setChosen({ files, replaced });
        else startUploads(files);
      } catch (error) {
        sayError(error);
      }
    },
    [prefix, most],
  );

  return (
    <>
      <Sums info={found?.info} />
      <div class="row spread">
        <Crumbs top={{ title: "All objects", href: "/storage" }} prefix={prefix} address={folderAddress} />
        <div class="row">
          {prefix !== "" ? (
            <button
              type="button"
              class="danger"
              disabled={!found || found.list.entries.length === 0}
              onClick={() => setEmptying(true)}
            >
              Delete this folder
            </button>
          ) : null}
          <button type="button" class="primary" onClick={() => input.current?.click()}>
            Upload
          </button>
          <input
            ref={input}
            type="file"
            multiple
            hidden
            aria-label="Files to upload"
            onChange={(event) => {
              void choose(event.currentTarget.files);
              event.currentTarget.value = "";
            }}
          />
        </div>
      </div>
      <LiveNote live={live} />
      <Uploads uploads={uploads} />
      <section
        class={over ? "panel drop over" : "panel drop"}
        aria-label="Objects"
        aria-busy={live.loading}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          void choose(event.dataTransfer?.files);
        }}
      >
        {found ? (
          <List list={found.list} prefix={found.prefix} marker={found.marker} onOpen={setOpen} />
        ) : null}
      </section>
      {found && (found.list.truncated || found.marker !== "") ? (
        <Paging list={found.list} marker={found.marker} change={change} />
      ) : null}
      {open ? (
        <ObjectDialog
          object={open}
          onClose={() => setOpen(undefined)}
          onChange={(object) => {
            setOpen(object);
            live.refresh();
          }}
        />
      ) : null}
      {emptying ? (
        <Confirm
          title="Delete this folder"
          verb="Delete all of them"
          onClose={() => setEmptying(false)}
          act={async () => {
            const removed = data(await api.POST("/v1/bucket/remove-prefix", { body: { prefix } })).removed;
            say(removed === 1 ? "One object is deleted." : `${count(removed)} objects are deleted.`);
            live.refresh();
          }}
        >
          All objects whose names begin with <strong class="name">{visible(prefix)}</strong> will be gone for
          good.
        </Confirm>
      ) : null}
      {chosen ? (
        <Confirm
          title="Replace what is there"
          verb={chosen.replaced === 1 ? "Replace it" : "Replace them"}
          onClose={() => setChosen(undefined)}
          act={async () => startUploads(chosen.files)}
        >
          {chosen.replaced === 1
            ? "There is an object of the same name already. Its content will be gone."
            : `There are ${count(chosen.replaced)} objects of the same names already. Their contents will be gone.`}
        </Confirm>
      ) : null}
    </>
  );
}

async function howManyAreThere(keys: readonly string[]): Promise<number> {
  let there = 0;
  for (let from = 0; from < keys.length; from += ASKED_MAX) {
    const body = { keys: keys.slice(from, from + ASKED_MAX) };
    const { objects } = data(await api.POST("/v1/bucket/info", { body }));
    there += objects.filter((object) => object !== null).length;
  }
  return there;
}

function Sums({ info }: { info: BucketInfo | undefined }) {
  const quota = info?.quota_bytes;
  const used = info ? info.bytes + (info.volume_bytes ?? 0) : 0;
  return (
    <p class="soft sums-line">
      {info ? (
        <>
          {info.objects === 1 ? "One object" : `${count(info.objects)} objects`}, {bytes(info.bytes)}.{" "}
          {quota === null || quota === undefined ? null : (
            <>
              With volumes {bytes(used)} of {bytes(quota)} are used.
              <progress
                max={100}
                value={partOf(used, quota)}
                aria-label={`${partOf(used, quota).toFixed(0)} % of the quota are used`}
              />
            </>
          )}
        </>
      ) : (
        "\u00a0"
      )}
    </p>
  );
}

function List({
  list,
  prefix,
  marker,
  onOpen,
}: {
  list: ListReply;
  prefix: string;
  marker: string;
  onOpen: (object: ObjectInfo) => void;
}) {
  if (list.entries.length === 0) {
    if (prefix === "" && marker === "") {
      return (
        <Empty title="Objects that you or your jobs store are listed here." code={FIRST_LINES}>
          <p>Or drop files here.</p>
        </Empty>
      );
    }
    return <p class="padded soft">Nothing is here. Drop files to store them in this folder.</p>;
  }
  return (
    <table class="cards objects">
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col" class="number">
            Size
          </th>
          <th scope="col">Modified</th>
          <th scope="col">Who can read it</th>
          <th scope="col">
            <span class="visually-hidden">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {list.entries.map((entry) =>
          "folder" in entry ? (
            <tr key={entry.folder}>
              <td colSpan={5}>
                <Link href={folderAddress(entry.folder)} class="entry">
                  <Sign folder />
                  <span class="name">{visible(nameIn(prefix, entry.folder))}</span>
                </Link>
              </td>
            </tr>
          ) : (
            <tr key={entry.key}>
              <td>
                <button type="button" class="plain entry" onClick={() => onOpen(entry)}>
                  <Sign />
                  <span class="name">{visible(nameIn(prefix, entry.key))}</span>
                </button>
              </td>
              <td class="number" data-label="Size">
                {bytes(entry.size)}
              </td>
              <td data-label="Modified">
                <Time at={entry.modified} />
              </td>
              <td data-label="Readers">{entry.public_url ? <strong>anybody</strong> : "this account"}</td>
              <td class="actions">
                <a
                  class="button"
                  href={objectAddress(entry.key)}
                  download={fileName(entry.key)}
                  aria-label={`Download ${visible(entry.key)}`}
                >
                  Download
                </a>
              </td>
            </tr>
          ),
        )}
      </tbody>
    </table>
  );
}

/** A folder's or an object's sign; the folder's name ends with a slash besides. */
export function Sign({ folder = false }: { folder?: boolean }) {
  return (
    <svg viewBox="0 0 16 16" class="sign" fill="none" stroke="currentColor" aria-hidden="true">
      {folder ? (
        <path d="M1.5 4v8.5h13V5H8L6.5 3.5h-5z" stroke-width="1.3" stroke-linejoin="round" />
      ) : (
        <path d="M3.5 1.5h6l3 3v10h-9z M9.5 1.5v3h3" stroke-width="1.3" stroke-linejoin="round" />
      )}
    </svg>
  );
}

function Paging({
  list,
  marker,
  change,
}: {
  list: ListReply;
  marker: string;
  change: (changes: Record<string, string | undefined>) => void;
}) {
  const last = list.entries.at(-1);
  const after = last && ("folder" in last ? last.folder : last.key);
  const go = (to: string | undefined) => {
    change({ after: to });
    window.scrollTo(0, 0);
  };
  return (
    <nav class="row" aria-label="Pages of the list">
      <button type="button" disabled={marker === ""} onClick={() => go(undefined)}>
        First page
      </button>
      <button type="button" disabled={!list.truncated} onClick={() => go(after)}>
        Next page
      </button>
      <span class="soft">
        {count(list.entries.length)} on this page{list.truncated ? ", and there are more" : ""}
      </span>
    </nav>
  );
}
