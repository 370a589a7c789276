// Uploads go on while one looks at other folders. A few at a time; each tells how far it is.
import { useEffect, useState } from "preact/hooks";
import { tokenHeader } from "../../api/http";
import { objectAddress } from "./paths";

export interface Upload {
  readonly id: number;
  readonly key: string;
  readonly size: number;
  readonly sent: number;
  readonly state: "waiting" | "sending" | "stored" | "failed" | "stopped";
  readonly reason?: string;
}

interface Running {
  file: File;
  request?: XMLHttpRequest;
}

const AT_ONCE = 3;
/** What ended and is still listed. */
const LISTED_MAX = 200;

let next = 0;
let uploads: readonly Upload[] = [];
const running = new Map<number, Running>();
const watchers = new Set<() => void>();
const finished = new Set<() => void>();

const isOver = (upload: Upload) => upload.state !== "waiting" && upload.state !== "sending";

function set(now: readonly Upload[]): void {
  uploads = now;
  for (const watcher of watchers) watcher();
}

function change(id: number, changes: Partial<Upload>): void {
  set(uploads.map((upload) => (upload.id === id ? { ...upload, ...changes } : upload)));
}

function end(id: number, changes: Partial<Upload>): void {
  if (!running.delete(id)) return;
  change(id, changes);
  if (running.size === 0) window.removeEventListener("beforeunload", warn);
  for (const act of finished) act();
  pump();
}

function warn(event: BeforeUnloadEvent): void {
  event.preventDefault();
}

function pump(): void {
  const busy = uploads.filter((upload) => upload.state === "sending").length;
  for (const upload of uploads.filter((one) => one.state === "waiting").slice(0, AT_ONCE - busy))
    begin(upload);
}

// `fetch` does not tell how much of a body has been sent.
function begin(upload: Upload): void {
  const one = running.get(upload.id);
  if (!one) return;
  const request = new XMLHttpRequest();
  one.request = request;
  request.open("PUT", objectAddress(upload.key));
  request.setRequestHeader(...tokenHeader());
  request.upload.onprogress = (event) => change(upload.id, { sent: event.loaded });
  request.onload = () => {
    if (request.status >= 200 && request.status < 300) end(upload.id, { state: "stored", sent: upload.size });
    else end(upload.id, { state: "failed", reason: reasonOf(request) });
  };
  request.onerror = () => end(upload.id, { state: "failed", reason: "the connection broke off" });
  request.onabort = () => end(upload.id, { state: "stopped" });
  change(upload.id, { state: "sending" });
  request.send(one.file);
}

function reasonOf(request: XMLHttpRequest): string {
  try {
    const body = JSON.parse(request.responseText) as { error?: { msg?: unknown } };
    if (typeof body.error?.msg === "string") return body.error.msg;
  } catch {
    // A proxy may have answered in its own words; the status has to do.
  }
  return `the server answered ${request.status}`;
}

/** Stores files under keys. */
export function startUploads(files: readonly { key: string; file: File }[]): void {
  if (files.length === 0) return;
  const added = files.map(({ key, file }): Upload => {
    const id = next++;
    running.set(id, { file });
    return { id, key, size: file.size, sent: 0, state: "waiting" };
  });
  window.addEventListener("beforeunload", warn);
  const over = uploads.filter(isOver).slice(-LISTED_MAX);
  set([...uploads.filter((upload) => !isOver(upload)), ...over, ...added]);
  pump();
}

export function stopUpload(id: number): void {
  const request = running.get(id)?.request;
  if (request) request.abort();
  else end(id, { state: "stopped" });
}

/** Takes what ended off the list. */
export function tidyUploads(): void {
  set(uploads.filter((upload) => !isOver(upload)));
}

/** All uploads as they are; `onFinish` is called after each that ended. */
export function useUploads(onFinish: () => void): readonly Upload[] {
  const [now, setNow] = useState(uploads);
  useEffect(() => {
    const watcher = () => setNow(uploads);
    watchers.add(watcher);
    finished.add(onFinish);
    return () => {
      watchers.delete(watcher);
      finished.delete(onFinish);
    };
  }, [onFinish]);
  return now;
}
