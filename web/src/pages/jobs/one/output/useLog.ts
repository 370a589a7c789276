// One stream of a job, read to its end and then as it grows.
import { useEffect, useRef, useState } from "preact/hooks";
import { Refusal, raw } from "../../../../api/http";
import { pause, shown, whileShown } from "../../../../live/shown";
import { Decoder, type Dropped, LogText } from "./logText";

export interface LogState {
  log: LogText;
  /** Another number whenever the log has changed. */
  version: number;
  /** Bytes of the whole stream so far; none before the first answer. */
  total: number | undefined;
  /** All of it is here and no more comes. */
  finished: boolean;
  error: Error | undefined;
}

const STEP_BYTES = 2 << 20;
const FOLLOW_MS = 20_000;
/** Between two questions, so that a talkative job does not keep the page busy with them. */
const PAUSE_MS = 250;
const RETRY_MS = 2_000;

export interface Piece {
  offset: number;
  total: number;
  finished: boolean;
  bytes: Uint8Array;
}

/** One answer about a stream, from `offset` on. */
export async function readOutput(
  jid: number,
  stream: string,
  query: { offset: number; limit: number; follow_ms: number },
  signal: AbortSignal,
): Promise<Piece> {
  const { offset, limit, follow_ms } = query;
  const address = `/v1/jobs/${jid}/output/${stream}?offset=${offset}&limit=${limit}&follow_ms=${follow_ms}`;
  const answer = await raw(address, { signal });
  const number = (name: string, missing: number) => Number(answer.headers.get(name) ?? missing);
  return {
    offset: number("x-picloud-offset", offset),
    total: number("x-picloud-total", 0),
    finished: answer.headers.get("x-picloud-finished") === "true",
    bytes: new Uint8Array(await answer.arrayBuffer()),
  };
}

/** Calls `onDropped` when lines had to go for what came. */
export function useLog(jid: number, stream: string, onDropped: (dropped: Dropped) => void): LogState {
  const dropped = useRef(onDropped);
  dropped.current = onDropped;
  const [state, setState] = useState<LogState>(() => empty());

  useEffect(() => {
    const stop = new AbortController();
    setState(empty());
    void follow(jid, stream, stop.signal, dropped, setState);
    return () => stop.abort();
  }, [jid, stream]);
  return state;
}

function empty(): LogState {
  return { log: new LogText(), version: 0, total: undefined, finished: false, error: undefined };
}

async function follow(
  jid: number,
  stream: string,
  signal: AbortSignal,
  dropped: { current: (dropped: Dropped) => void },
  set: (state: LogState) => void,
): Promise<void> {
  const log = new LogText();
  const decoder = new Decoder();
  let offset = 0;
  let version = 0;
  let total: number | undefined;
  let finished = false;
  while (!finished) {
    await shown(signal);
    if (signal.aborted) return;
    let error: Error | undefined;
    const connection = whileShown(signal);
    try {
      const query = { offset, limit: STEP_BYTES, follow_ms: total === undefined ? 0 : FOLLOW_MS };
      const piece = await readOutput(jid, stream, query, connection.signal);
      if (piece.offset > offset) {
        log.append(decoder.rest());
        log.gap(piece.offset - offset);
      }
      const went = log.append(decoder.next(piece.bytes));
      if (went) dropped.current(went);
      offset = piece.offset + piece.bytes.length;
      total = piece.total;
      finished = piece.finished && offset >= piece.total;
      if (finished) log.append(decoder.rest());
      version += 1;
    } catch (caught) {
      if (signal.aborted) return;
      if (connection.signal.aborted) continue;
      error = caught as Error;
      // What the server refuses it refuses again; what failed on the way is worth another try.
      if (caught instanceof Refusal && caught.status >= 400 && caught.status < 500) finished = true;
    } finally {
      connection.done();
    }
    set({ log, version, total, finished, error });
    if (finished) return;
    if (error) await pause(RETRY_MS, signal);
    else if (offset >= (total ?? 0)) await pause(PAUSE_MS, signal);
  }
}
