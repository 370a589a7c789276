// What a page says while it has nothing to show: what would be here, and the lines that fill it.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

export function Snippet({ code, label = "Copy" }: { code: string; label?: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(code);
    setCopied(true);
    window.setTimeout(() => setCopied(false), 1_500);
  };
  return (
    <div class="snippet">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <pre tabIndex={0}>{code}</pre>
      {navigator.clipboard ? (
        <button type="button" onClick={copy}>
          {copied ? "Copied" : label}
        </button>
      ) : null}
    </div>
  );
}

export function Empty({
  title,
  code,
  children,
}: {
  title: string;
  code?: string;
  children?: ComponentChildren;
}) {
  return (
    <section class="empty">
      <h2>{title}</h2>
      {children}
      {code ? <Snippet code={code} /> : null}
    </section>
  );
}
