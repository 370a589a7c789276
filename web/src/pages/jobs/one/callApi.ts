// Asks for the pickles of a job, as far as they are small enough to be read in a page.
import { Refusal, raw } from "../../../api/http";
import type { JobInfo } from "../../../api/types";
import { ANSWER_MOST_BYTES, bounded, type Call, callOf, resultIn, textOf } from "./call";

export async function readCall(jid: number, name: string, signal: AbortSignal): Promise<Call | undefined> {
  const answer = await raw("/v1/jobs/info", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ jids: String(jid), with: ["pickles"] }),
    signal,
  });
  const bytes = await bounded(answer, ANSWER_MOST_BYTES);
  if (!bytes) return undefined;
  const info = (JSON.parse(new TextDecoder().decode(bytes)) as { info: Record<string, JobInfo> }).info[jid];
  return info ? callOf(info.function_pickle, info.args_pickle, name) : undefined;
}

/** The result of a job that is done, as text; a note where it cannot be shown. */
export async function readResult(jid: number, signal: AbortSignal): Promise<string> {
  const answer = await raw("/v1/jobs/results", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ jids: String(jid), max_count: 1 }),
    signal,
  });
  const bytes = await bounded(answer, ANSWER_MOST_BYTES);
  const place = bytes ? resultIn(bytes) : undefined;
  if (!place) return "It is too large to be shown.";
  if ("inline" in place) return textOf(place.inline);
  if (place.size > ANSWER_MOST_BYTES) return "It is too large to be shown.";
  const blob = await bounded(await raw(`/v1/blobs/${place.hash}`, { signal }), ANSWER_MOST_BYTES);
  return blob ? textOf(blob) : "It is too large to be shown.";
}

/** What to say of a call that could not be read. */
export function said(error: Error): string {
  return error instanceof Refusal && error.status === 413 ? "It is too large to be shown." : error.message;
}
