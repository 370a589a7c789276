// A key's secret, which is shown this once, with the line that sets it up on another machine.
import type { KeySecret } from "../../api/types";
import { Snippet } from "../../ui/Empty";
import { setupLine } from "./setup";

export function Secret({ made }: { made: KeySecret }) {
  return (
    <div class="secret" role="status">
      <p>
        <strong>This is the only time that the secret of key {made.api_key} is shown.</strong> Keep it, or run
        this on the machine that is to use it:
      </p>
      <Snippet code={setupLine(location.origin, made.api_key, made.api_secretkey)} />
      <p class="small soft">
        From then on <code>import cloud</code> works there.
        {location.protocol === "https:"
          ? " Where the server's certificate is its own, add --ca-file with the file it wrote."
          : ""}
      </p>
      <details>
        <summary class="small">The secret alone</summary>
        <Snippet code={made.api_secretkey} />
      </details>
    </div>
  );
}
