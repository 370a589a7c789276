// Colours of the page for what is drawn on a canvas, which knows nothing of style sheets.
import { useEffect, useState } from "preact/hooks";

/** What `var(name)` is now. */
export function colour(name: string): string {
  return resolved(`var(${name})`);
}

/** A lighter form of it, for areas: opaque, so that what lies below does not shine through. */
export function wash(name: string): string {
  return resolved(`color-mix(in srgb, var(${name}) 35%, var(--surface))`);
}

function resolved(value: string): string {
  const probe = document.createElement("span");
  // A variable's own value may be `light-dark(…)`; as the colour of an element it is resolved.
  probe.style.color = value;
  probe.hidden = true;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

/** Another number whenever the colours have changed. */
export function useThemeVersion(): number {
  const [version, setVersion] = useState(0);
  useEffect(() => {
    const changed = () => setVersion((n) => n + 1);
    const system = matchMedia("(prefers-color-scheme: dark)");
    document.addEventListener("picloud-theme", changed);
    system.addEventListener("change", changed);
    return () => {
      document.removeEventListener("picloud-theme", changed);
      system.removeEventListener("change", changed);
    };
  }, []);
  return version;
}
