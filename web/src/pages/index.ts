// The pages there are. A new one is a directory beside this file and a line in this list.
import type { ComponentType } from "preact";

export interface Page {
  /** Address; `*` at its end stands for everything below. */
  path: string;
  /** In the navigation and in the window's title. */
  title: string;
  /** Pressed after `g` it leads here. */
  key: string;
  load: () => Promise<{ default: ComponentType }>;
}

export const PAGES: readonly Page[] = [
  { path: "/jobs", title: "Jobs", key: "j", load: () => import("./jobs") },
  { path: "/queues", title: "Queues", key: "q", load: () => import("./queues") },
  { path: "/functions", title: "Functions", key: "f", load: () => import("./functions") },
  { path: "/crons", title: "Crons", key: "c", load: () => import("./crons") },
  { path: "/storage", title: "Storage", key: "s", load: () => import("./storage") },
  { path: "/workers", title: "Workers", key: "w", load: () => import("./workers") },
  { path: "/usage", title: "Usage", key: "u", load: () => import("./usage") },
  { path: "/settings", title: "Settings", key: "e", load: () => import("./settings") },
];

/** The page an address belongs to: `/jobs/17` to `/jobs`. */
export function pageOf(address: string): Page | undefined {
  return PAGES.find((page) => address === page.path || address.startsWith(`${page.path}/`));
}
