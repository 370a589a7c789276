// A stream of a job as a file: all that the server has of it.
import { bytes } from "../../../../ui/format";
import { say, sayError } from "../../../../ui/Notes";
import { readOutput } from "./useLog";

const STEP_BYTES = 16 << 20;
/** The server keeps 16 MiB of a stream; an answer more is for one that grows meanwhile. */
const ANSWERS_MOST = 8;

export async function saveOutput(jid: number, stream: string): Promise<void> {
  try {
    const parts: BlobPart[] = [];
    let offset = 0;
    let missing = 0;
    for (let at = 0; at < ANSWERS_MOST; at += 1) {
      const query = { offset, limit: STEP_BYTES, follow_ms: 0 };
      const piece = await readOutput(jid, stream, query, new AbortController().signal);
      if (piece.offset > offset) {
        missing += piece.offset - offset;
        parts.push(`\n… ${piece.offset - offset} bytes in the middle were not kept …\n`);
      }
      parts.push(piece.bytes as Uint8Array<ArrayBuffer>);
      offset = piece.offset + piece.bytes.length;
      if (offset >= piece.total || piece.bytes.length === 0) break;
    }
    const address = URL.createObjectURL(new Blob(parts, { type: "text/plain" }));
    const link = document.createElement("a");
    link.href = address;
    link.download = `job-${jid}-${stream}.txt`;
    link.click();
    window.setTimeout(() => URL.revokeObjectURL(address), 10_000);
    if (missing > 0) say(`${bytes(missing)} in the middle were not kept by the server`);
  } catch (error) {
    sayError(error);
  }
}
