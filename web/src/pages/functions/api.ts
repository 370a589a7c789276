// Published functions: what is asked about them.
import { api, data, tokenHeader } from "../../api/http";
import { Refusal } from "../../api/refusal";
import type { components } from "../../api/schema";
import type { JobRow } from "../../api/types";
import type { Parameter } from "./kinds";
import { type Outcome, read } from "./outcome";

type Schemas = components["schemas"];
export type PublishedInfo = Schemas["PublishedInfo"];
export type PublishedVersions = Schemas["PublishedVersions"];
export type PublishedChange = Schemas["PublishedChange"];
export type Access = Schemas["Access"];

export const ACCESSES: readonly { access: Access; title: string; means: string }[] = [
  { access: "account", title: "Account", means: "Keys of your account, and nobody else." },
  { access: "token", title: "Token", means: "Your account, and whoever has this function's token." },
  { access: "public", title: "Public", means: "Anybody who reaches this server." },
];

export function accessTitle(access: Access): string {
  return ACCESSES.find((one) => one.access === access)?.title ?? access;
}

export async function published(signal: AbortSignal): Promise<PublishedInfo[]> {
  return data(await api.GET("/v1/published", { signal })).published;
}

export async function publishedOne(label: string, signal: AbortSignal): Promise<PublishedInfo> {
  return data(await api.GET("/v1/published/{label}", { params: { path: { label } }, signal }));
}

export async function versions(label: string, signal: AbortSignal): Promise<PublishedVersions> {
  return data(await api.GET("/v1/published/{label}/versions", { params: { path: { label } }, signal }));
}

export async function change(label: string, body: PublishedChange): Promise<PublishedInfo> {
  return data(await api.PATCH("/v1/published/{label}", { params: { path: { label } }, body }));
}

/** The last calls: jobs have the label of the function that made them. */
export async function lastCalls(label: string, signal: AbortSignal): Promise<JobRow[]> {
  const query = { label, limit: 1000 };
  return data(await api.GET("/v1/jobs", { params: { query }, signal })).jobs;
}

/** Calls of the last seven days that have ended, by label. */
export async function callsOfLate(signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
  const from = new Date(Date.now() - 6 * 86_400_000).toISOString().slice(0, 10);
  const query = { from, group_by: "label" };
  const { rows } = data(await api.GET("/v1/usage", { params: { query }, signal }));
  return new Map(rows.map((row) => [row.label ?? "", row.jobs]));
}

export function parametersOf(one: { parameters: Schemas["Signature"] }): readonly Parameter[] {
  return one.parameters.parameters;
}

/** Calls the function as this session, by its path on this server, whatever its public address is. */
export async function call(
  account: number,
  label: string,
  body: FormData | URLSearchParams,
  waitSeconds: number | undefined,
  signal: AbortSignal,
): Promise<Outcome> {
  const query = waitSeconds === undefined ? "" : `?wait=${waitSeconds}`;
  let answer: Response;
  try {
    answer = await fetch(`/r/${account}/${encodeURIComponent(label)}/${query}`, {
      method: "POST",
      body,
      headers: [tokenHeader()],
      credentials: "same-origin",
      signal,
    });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Refusal(0, "the server cannot be reached", undefined);
  }
  if (answer.ok && !answer.headers.get("Content-Type")?.startsWith("application/json")) {
    const jid = Number(answer.headers.get("X-Picloud-Jid"));
    return { kind: "bytes", content: await answer.arrayBuffer(), jid: jid > 0 ? jid : undefined };
  }
  return read(answer.status, await answer.text());
}
