// Crons: what is asked about them.
import { api, data } from "../../api/http";
import { Refusal } from "../../api/refusal";
import type { components } from "../../api/schema";
import { jidSet, parsedJidSet, parts, type Range, sizeOf } from "../jobs/list/jidset";

type Schemas = components["schemas"];
export type CronInfo = Schemas["CronInfo"];
export type CronChange = Schemas["CronChange"];
export type Firing = Schemas["Firing"];
export type Overlap = Schemas["Overlap"];

/** Statuses of jobs; those that are not in it are gone. */
export type StatusByJid = ReadonlyMap<number, string>;

export interface CronsAndJobs {
  crons: CronInfo[];
  statuses: StatusByJid;
}

export async function crons(signal: AbortSignal): Promise<CronsAndJobs> {
  const found = data(await api.GET("/v1/crons", { signal })).crons;
  const jids = found.flatMap((cron) => (cron.last_jid ? [cron.last_jid] : []));
  return { crons: found, statuses: await statusesOf(jids, signal) };
}

/** Most jobs in one question. */
const PART = 1_000;

async function statusesOf(jids: readonly number[], signal: AbortSignal): Promise<StatusByJid> {
  const found = new Map<number, string>();
  const sorted = [...new Set(jids)].sort((a, b) => a - b);
  for (const part of parts(
    sorted.map((jid) => ({ first: jid, last: jid })),
    PART,
  ))
    await look(part, found, signal);
  return found;
}

/** One deleted job makes the server refuse the whole question, so it is asked in halves then. */
async function look(part: readonly Range[], found: Map<number, string>, signal: AbortSignal): Promise<void> {
  try {
    const body = { jids: jidSet(part) };
    for (const run of data(await api.POST("/v1/jobs/status", { body, signal })).statuses)
      for (const { first, last } of parsedJidSet(run.jids))
        for (let jid = first; jid <= last; jid += 1) found.set(jid, run.status);
  } catch (error) {
    if (!(error instanceof Refusal && error.status === 404)) throw error;
    const size = sizeOf(part);
    if (size < 2) return;
    for (const half of parts(part, Math.ceil(size / 2))) await look(half, found, signal);
  }
}

export async function cronOne(label: string, signal: AbortSignal): Promise<CronInfo> {
  return data(await api.GET("/v1/crons/{label}", { params: { path: { label } }, signal }));
}

export interface History {
  firings: Firing[];
  statuses: StatusByJid;
}

/** The last firings with their jobs, which have the label of the cron. */
export async function history(label: string, limit: number, signal: AbortSignal): Promise<History> {
  const query = { limit };
  const { firings } = data(
    await api.GET("/v1/crons/{label}/firings", { params: { path: { label }, query }, signal }),
  );
  const newest = Math.max(0, ...firings.map((one) => one.jid ?? 0));
  if (newest === 0) return { firings, statuses: new Map() };
  const { jobs } = data(
    await api.GET("/v1/jobs", { params: { query: { label, before: newest + 1, limit } }, signal }),
  );
  return { firings, statuses: new Map(jobs.map((job) => [job.jid, job.status])) };
}

export async function change(label: string, body: CronChange): Promise<CronInfo> {
  return data(await api.PATCH("/v1/crons/{label}", { params: { path: { label } }, body }));
}

export async function runNow(label: string): Promise<number> {
  return data(await api.POST("/v1/crons/{label}/run", { params: { path: { label } } })).jid;
}

/** The next ticks of a schedule; a refusal says what is wrong with it. */
export async function preview(schedule: string, timezone: string, signal: AbortSignal): Promise<number[]> {
  const body = { schedule, timezone };
  return data(await api.POST("/v1/crons/preview", { body, signal })).next;
}
