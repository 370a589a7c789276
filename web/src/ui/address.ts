// What a page shows is in its address, so that it can be shared and one can go back.
import { useCallback, useMemo } from "preact/hooks";
import { navigate, useSearch } from "wouter-preact/use-browser-location";

export type Changes = Record<string, string | undefined>;

/** The address with some parts of its query changed; empty ones are left out. */
export function changedQuery(query: URLSearchParams, changes: Changes): string {
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value) next.set(name, value);
    else next.delete(name);
  }
  const text = next.toString();
  return text === "" ? "" : `?${text}`;
}

/**
 * The query of the address, exactly as it was written (the router's own decodes it once too often for names
 * with a percent sign), and what changes it. `replace` leaves no step for the back button.
 */
export function useQuery(): [URLSearchParams, (changes: Changes, replace?: boolean) => void] {
  const search = useSearch();
  const query = useMemo(() => new URLSearchParams(search), [search]);
  const change = useCallback((changes: Changes, replace = false) => {
    const now = new URLSearchParams(location.search);
    navigate(location.pathname + changedQuery(now, changes), { replace });
  }, []);
  return [query, change];
}
