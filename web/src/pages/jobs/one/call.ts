// The pickles of a job as text: what was called with what, and what came back.
import { fromBase64 } from "../../../pickle/base64";
import { type FunctionSketch, sketchOf } from "../../../pickle/functions";
import { readPickle } from "../../../pickle/reader";
import { show, showCall, showFunction } from "../../../pickle/show";

/** Most bytes of an answer; what is larger is given up while it comes. */
export const ANSWER_MOST_BYTES = 4 << 20;

/** The bytes of a response, or nothing if they are too many. */
export async function bounded(answer: Response, most: number): Promise<Uint8Array | undefined> {
  const reader = answer.body?.getReader();
  if (!reader) return new Uint8Array();
  const parts: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > most) {
      await reader.cancel();
      return undefined;
    }
    parts.push(value);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export interface Call {
  sketch: FunctionSketch | undefined;
  /** The function, and the call, as text; a note where they cannot be shown. */
  function: string;
  call: string;
}

export function callOf(
  functionPickle: string | null | undefined,
  argsPickle: string | null | undefined,
  name: string,
): Call {
  const loaded = readPickle(fromBase64(functionPickle ?? ""));
  const sketch = "value" in loaded ? sketchOf(loaded.value) : undefined;
  const args = readPickle(fromBase64(argsPickle ?? ""));
  return {
    sketch,
    function: "note" in loaded ? loaded.note : sketch ? showFunction(sketch) : show(loaded.value),
    call: "note" in args ? args.note : showCall(sketch?.name ?? name, args.value),
  };
}

/** A pickle as text, or a note. */
export function textOf(pickle: Uint8Array): string {
  const read = readPickle(pickle);
  return "note" in read ? read.note : show(read.value);
}

export type Place = { inline: Uint8Array } | { hash: string; size: number };

const FRAME_HEAD = 13;

/**
 * The payload of the first result in a framed answer: frames of a length and as many bytes, the first one JSON. A
 * result begins with its job, state and the length of its failure; the payload is its bytes, or where they are.
 */
export function resultIn(body: Uint8Array): Place | undefined {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  if (body.length < 4) return undefined;
  const at = 4 + view.getUint32(0);
  if (body.length < at + 4 + FRAME_HEAD + 1) return undefined;
  const length = view.getUint32(at);
  const frame = body.subarray(at + 4, at + 4 + length);
  const failure = view.getUint32(at + 4 + 9);
  const payload = frame.subarray(FRAME_HEAD + failure);
  if (payload[0] === 0) return { inline: payload.subarray(1) };
  if (payload[0] !== 1 || payload.length !== 41) return undefined;
  const hash = Array.from(payload.subarray(1, 33), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const size = new DataView(payload.buffer, payload.byteOffset + 33, 8).getBigUint64(0);
  return { hash, size: Number(size) };
}
