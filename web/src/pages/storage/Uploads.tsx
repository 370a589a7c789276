// The list of uploads: how far each is, and why one failed.
import { bytes } from "../../ui/format";
import { visible } from "../../ui/text";
import { stopUpload, tidyUploads, type Upload } from "./uploads";

const SHOWN_MAX = 50;

export function Uploads({ uploads }: { uploads: readonly Upload[] }) {
  if (uploads.length === 0) return null;
  const going = uploads.filter((upload) => upload.state === "waiting" || upload.state === "sending").length;
  const failed = uploads.filter((upload) => upload.state === "failed").length;
  const shown = [...uploads].sort((a, b) => rank(a) - rank(b) || a.id - b.id).slice(0, SHOWN_MAX);
  return (
    <section class="panel uploads" aria-label="Uploads">
      <div class="row spread">
        <h2 role="status">
          {going > 0 ? `Uploading, ${going} to go` : "Uploads ended"}
          {failed > 0 ? `, ${failed} failed` : ""}
        </h2>
        {going < uploads.length ? (
          <button type="button" class="small" onClick={tidyUploads}>
            Clear ended ones
          </button>
        ) : null}
      </div>
      <ul>
        {shown.map((upload) => (
          <li key={upload.id}>
            <span class="cut name" title={visible(upload.key)}>
              {visible(upload.key)}
            </span>
            <span class="small soft how">{words(upload)}</span>
            {upload.state === "sending" || upload.state === "waiting" ? (
              <>
                <progress
                  max={Math.max(1, upload.size)}
                  value={upload.sent}
                  aria-label={`Upload of ${visible(upload.key)}`}
                />
                <button type="button" class="small" onClick={() => stopUpload(upload.id)}>
                  Stop
                </button>
              </>
            ) : null}
          </li>
        ))}
      </ul>
      {uploads.length > shown.length ? (
        <p class="small soft">and {uploads.length - shown.length} more</p>
      ) : null}
    </section>
  );
}

function rank(upload: Upload): number {
  return ["failed", "sending", "waiting", "stopped", "stored"].indexOf(upload.state);
}

function words(upload: Upload): string {
  switch (upload.state) {
    case "sending":
      return `${bytes(upload.sent)} of ${bytes(upload.size)}`;
    case "failed":
      return `failed: ${upload.reason}`;
    default:
      return `${upload.state}, ${bytes(upload.size)}`;
  }
}
