// Keys of objects and paths in volumes: where they lead, and what is left of them in a folder.

export interface Crumb {
  title: string;
  /** With a slash at its end, or empty for the top. */
  prefix: string;
}

/** The steps to a folder, itself included: `a/b/` is `a/` and `a/b/`. */
export function crumbs(prefix: string): Crumb[] {
  const parts = prefix.split("/");
  return parts.slice(0, -1).map((part, index) => ({
    title: part,
    prefix: `${parts.slice(0, index + 1).join("/")}/`,
  }));
}

/** A folder as addresses have it: empty, or with a slash at its end. */
export function folderOf(text: string | null): string {
  if (!text) return "";
  return text.endsWith("/") ? text : `${text}/`;
}

/** What is left of a key, or of a folder's, within a folder. */
export function nameIn(prefix: string, key: string): string {
  return key.startsWith(prefix) ? key.slice(prefix.length) : key;
}

/** The last part of a key. */
export function fileName(key: string): string {
  return key.slice(key.lastIndexOf("/") + 1);
}

/** Where the API has an object. Slashes stay, everything else is encoded. */
export function objectAddress(key: string): string {
  return `/v1/bucket/objects/${key.split("/").map(encodeURIComponent).join("/")}`;
}

/** Part of a quota in percent, at most 100. */
export function partOf(used: number, quota: number): number {
  return quota > 0 ? Math.min(100, (used / quota) * 100) : 100;
}
