// What a job used, second by second: what there is, and then what comes.
import { useEffect, useState } from "preact/hooks";
import { api, data, Refusal, raw } from "../../../../api/http";
import type { Sample } from "../../../../api/types";
import { pause, shown, whileShown } from "../../../../live/shown";
import { readEvents } from "./eventStream";
import { type Columns, columns, SeriesSoFar } from "./figures";

export interface SeriesState {
  columns: Columns;
  attempt: number | undefined;
  loading: boolean;
  finished: boolean;
  error: Error | undefined;
}

const PAGE = 10_000;
/** Pages of one series; the server keeps far fewer samples. */
const PAGES_MOST = 50;
const RETRY_FIRST_MS = 500;
const RETRY_MOST_MS = 10_000;

export function useSeries(jid: number): SeriesState {
  const [state, setState] = useState<SeriesState>(() => begin());
  useEffect(() => {
    const stop = new AbortController();
    const series = new SeriesSoFar();
    let frame: number | undefined;
    let latest: Partial<SeriesState> = {};
    setState(begin());
    // Samples may come by the hundred; they are shown once a frame.
    const show = (change: Partial<SeriesState>) => {
      latest = { ...latest, ...change };
      frame ??= requestAnimationFrame(() => {
        frame = undefined;
        setState({
          loading: false,
          finished: false,
          error: undefined,
          ...latest,
          columns: columns(series.samples),
          attempt: series.attempt,
        });
      });
    };
    void follow(jid, series, stop.signal, show);
    return () => {
      stop.abort();
      if (frame !== undefined) cancelAnimationFrame(frame);
    };
  }, [jid]);
  return state;
}

function begin(): SeriesState {
  return { columns: columns([]), attempt: undefined, loading: true, finished: false, error: undefined };
}

async function follow(
  jid: number,
  series: SeriesSoFar,
  signal: AbortSignal,
  show: (change: Partial<SeriesState>) => void,
): Promise<void> {
  let wait = RETRY_FIRST_MS;
  while (!signal.aborted) {
    await shown(signal);
    const connection = whileShown(signal);
    try {
      const finished =
        (await readAll(jid, series, connection.signal, show)) ||
        (await listen(jid, series, connection.signal, show));
      show({ finished, error: undefined });
      if (finished) return;
      wait = RETRY_FIRST_MS;
    } catch (error) {
      if (signal.aborted) return;
      if (connection.signal.aborted) continue;
      show({ error: error as Error });
      if (error instanceof Refusal && error.status >= 400 && error.status < 500 && error.status !== 429)
        return;
    }
    await pause(wait, signal);
    wait = Math.min(wait * 2, RETRY_MOST_MS);
  }
}

/** The pages of the series that are still missing. Says whether no more will come. */
async function readAll(
  jid: number,
  series: SeriesSoFar,
  signal: AbortSignal,
  show: (change: Partial<SeriesState>) => void,
): Promise<boolean> {
  for (let page = 0; page < PAGES_MOST; page += 1) {
    const since = series.lastSecond;
    const query = since === undefined ? { limit: PAGE } : { since, limit: PAGE };
    const found = data(await api.GET("/v1/jobs/{jid}/series", { params: { path: { jid }, query }, signal }));
    if (series.attempt !== undefined && series.attempt !== found.attempt) {
      // What was asked for was said of another attempt.
      series.begin(found.attempt);
      continue;
    }
    series.begin(found.attempt);
    for (const sample of found.samples) series.add(sample);
    if (found.samples.length < PAGE) return found.finished;
    show({});
  }
  return true;
}

async function listen(
  jid: number,
  series: SeriesSoFar,
  signal: AbortSignal,
  show: (change: Partial<SeriesState>) => void,
): Promise<boolean> {
  show({});
  let ended = false;
  const last = series.lastSecond;
  const headers: HeadersInit = last === undefined ? {} : { "Last-Event-ID": String(last) };
  const answer = await raw(`/v1/jobs/${jid}/events`, { headers, signal });
  await readEvents(answer, (event) => {
    const said: unknown = JSON.parse(event.data);
    if (event.name === "status") series.begin((said as { attempt: number }).attempt);
    else if (event.name === "sample") series.add(said as Sample);
    else if (event.name === "end") ended = true;
    show({});
  });
  return ended;
}
