// Sums of usage as rows of a table and as a file.
import type { UsageReply, UsageRow } from "../../api/types";

export const GROUPS = [
  { name: "day", title: "Day" },
  { name: "core_type", title: "Core type" },
  { name: "label", title: "Label" },
  { name: "queue", title: "Queue" },
  { name: "account", title: "Account" },
] as const;
export type Group = (typeof GROUPS)[number]["name"];

export const MEASURES = [
  { name: "cost", title: "Cost" },
  { name: "core", title: "Core time" },
  { name: "cpu", title: "Processor time" },
  { name: "jobs", title: "Jobs" },
] as const;
export type Measure = (typeof MEASURES)[number]["name"];

type Sum = Pick<UsageRow, "jobs" | "core_ms" | "cpu_us" | "cost">;

/** One figure of a sum; times are in hours. */
export function measured(sum: Sum, measure: Measure): number {
  switch (measure) {
    case "cost":
      return sum.cost;
    case "core":
      return sum.core_ms / 3_600_000;
    case "cpu":
      return sum.cpu_us / 3_600_000_000;
    case "jobs":
      return sum.jobs;
  }
}

/** The groups in an address, such as `day,label`; unknown ones are left out, and `account` where it is not allowed. */
export function groupsOf(text: string | null, accounts: boolean): Group[] {
  const asked = (text ?? "day").split(",");
  return GROUPS.map((group) => group.name).filter(
    (name) => asked.includes(name) && (name !== "account" || accounts),
  );
}

/** What a row is of: the empty label and the empty queue have words. */
export function nameOf(row: UsageRow, group: Group): { text: string; nothing: boolean } {
  const text = row[group] ?? "";
  if (text !== "") return { text, nothing: false };
  return { text: group === "queue" ? "no queue" : `no ${group.replace("_", " ")}`, nothing: true };
}

/** The whole reply as lines for a CSV file, with a heading. */
export function lines(reply: UsageReply, groups: readonly Group[]): (string | number)[][] {
  const heading = [...groups, "jobs", "core_hours", "processor_hours", `cost_${reply.currency}`];
  const rows = reply.rows.map((row) => [
    ...groups.map((group) => row[group] ?? ""),
    row.jobs,
    measured(row, "core"),
    measured(row, "cpu"),
    row.cost,
  ]);
  return [heading, ...rows];
}
