// The body of a message as text to look at.
import type { MessageJson } from "../../api/types";
import { fromBase64 } from "../../pickle/base64";
import { readPickle } from "../../pickle/reader";
import { show } from "../../pickle/show";
import { bytes } from "../../ui/format";

const TEXT_MOST = 20_000;

export function messageText(message: MessageJson): string {
  const body: unknown = message.message;
  // The server leaves out what is large; `null` is a message like any other, but a small one.
  if ((body === null || body === undefined) && message.size_bytes > 100)
    return `It has ${bytes(message.size_bytes)}, too much to be shown.`;
  if (message.datatype === "python_pickle") {
    if (typeof body !== "string") return "It cannot be shown.";
    const read = readPickle(fromBase64(body));
    return "note" in read ? read.note : show(read.value);
  }
  const text = JSON.stringify(body ?? null, undefined, 2);
  return text.length <= TEXT_MOST ? text : `${text.slice(0, TEXT_MOST)}…`;
}
