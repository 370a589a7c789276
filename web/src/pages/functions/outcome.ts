// What a call was answered with.

export type Outcome =
  | { kind: "result"; text: string; jid: number | undefined }
  | { kind: "bytes"; content: ArrayBuffer; jid: number | undefined }
  /** There is a job, and no result yet. */
  | { kind: "job"; jid: number; waited: boolean }
  /** The job ended without a result. */
  | { kind: "failed"; message: string; jid: number }
  /** There is no job. */
  | { kind: "refused"; message: string; hint: string | undefined };

const RESULT = /^\{"result":\s*([\s\S]*),\s*"jid":\s*(\d+)\s*\}\s*$/;

/** Reads an answer in JSON by its status. */
export function read(status: number, body: string): Outcome {
  const found = RESULT.exec(body);
  if (status === 200 && found)
    return { kind: "result", text: laidOut(found[1] ?? ""), jid: Number(found[2]) };
  let said: { jid?: unknown; error?: { msg?: unknown; hint?: unknown } } = {};
  try {
    said = JSON.parse(body) ?? {};
  } catch {
    // A proxy may have answered in its own words; the status has to do.
  }
  const jid = typeof said.jid === "number" ? said.jid : undefined;
  if (status < 300 && jid !== undefined) return { kind: "job", jid, waited: status === 202 };
  const message = typeof said.error?.msg === "string" ? said.error.msg : `the server answered ${status}`;
  if (jid !== undefined) return { kind: "failed", message, jid };
  return {
    kind: "refused",
    message,
    hint: typeof said.error?.hint === "string" ? said.error.hint : undefined,
  };
}

/** JSON with lines and indents, unless it has numbers that would not survive being read here. */
export function laidOut(json: string): string {
  try {
    const value: unknown = JSON.parse(json);
    const isSafe = (json.match(/-?\d[\d.eE+-]*/g) ?? []).every((number) => number.length <= 15);
    return isSafe ? JSON.stringify(value, null, 2) : json;
  } catch {
    return json;
  }
}

const PICTURES: readonly [type: string, beginning: readonly number[]][] = [
  ["image/png", [0x89, 0x50, 0x4e, 0x47]],
  ["image/jpeg", [0xff, 0xd8, 0xff]],
  ["image/gif", [0x47, 0x49, 0x46, 0x38]],
];

/** The type of a picture that browsers show, by how it begins. */
export function pictureType(content: Uint8Array): string | undefined {
  return PICTURES.find(([, beginning]) => beginning.every((byte, at) => content[at] === byte))?.[0];
}

/** The content as a text, if it is one. */
export function asText(content: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(content);
    return text.includes("\0") ? undefined : text;
  } catch {
    return undefined;
  }
}
