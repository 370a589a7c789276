// Server-sent events read from a response. The browser's own reader cannot say where to go on when it is opened.

export interface StreamEvent {
  name: string;
  data: string;
  id: string | undefined;
}

/** Cuts what comes into events, whatever the pieces are. */
export class EventParser {
  private rest = "";
  private name = "";
  private data: string[] = [];
  private id: string | undefined;

  push(text: string): StreamEvent[] {
    const found: StreamEvent[] = [];
    const lines = (this.rest + text).split("\n");
    this.rest = lines.pop() ?? "";
    for (const raw of lines) {
      const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
      if (line !== "") {
        this.field(line);
        continue;
      }
      if (this.data.length > 0)
        found.push({ name: this.name || "message", data: this.data.join("\n"), id: this.id });
      this.name = "";
      this.data = [];
      this.id = undefined;
    }
    return found;
  }

  private field(line: string): void {
    const colon = line.indexOf(":");
    // A line that begins with a colon only shows that the connection lives.
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") this.name = value;
    else if (name === "data") this.data.push(value);
    else if (name === "id") this.id = value;
  }
}

/** Calls `on` with each event of a stream until it ends. */
export async function readEvents(answer: Response, on: (event: StreamEvent) => void): Promise<void> {
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) return;
  const parser = new EventParser();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    for (const event of parser.push(value)) on(event);
  }
}
