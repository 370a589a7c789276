// The label in an address below a page: `/functions/a%2Fb` is `a/b`. The router decodes once too often for this.
import { usePathname } from "wouter-preact/use-browser-location";

/** What stands behind the page's own part of the path. */
export function labelIn(path: string, page: string): string | undefined {
  if (!path.startsWith(`${page}/`)) return undefined;
  const rest = path.slice(page.length + 1).replace(/\/$/, "");
  if (rest === "") return undefined;
  try {
    return decodeURIComponent(rest);
  } catch {
    return rest;
  }
}

export function useLabel(page: string): string | undefined {
  return labelIn(usePathname(), page);
}
