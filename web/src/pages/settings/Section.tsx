// One part of the settings, under its heading.
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

export function Section({
  title,
  about,
  actions,
  children,
}: {
  title: string;
  /** One sentence on what it is. */
  about?: ComponentChildren;
  actions?: ComponentChildren;
  children?: ComponentChildren;
}) {
  const heading = useId();
  return (
    <section class="panel setting" aria-labelledby={heading}>
      <div class="setting-head">
        <div>
          <h2 id={heading}>{title}</h2>
          {about ? <p class="soft">{about}</p> : null}
        </div>
        {actions ? <div class="row">{actions}</div> : null}
      </div>
      {children}
    </section>
  );
}
