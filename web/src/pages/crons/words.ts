// What is told of crons, in words.
import { count, duration } from "../../ui/format";
import type { Firing, Overlap } from "./api";

export const OVERLAPS: readonly { overlap: Overlap; title: string; means: string }[] = [
  { overlap: "allow", title: "allow", means: "Another job starts beside it." },
  { overlap: "skip", title: "skip", means: "The tick is skipped, and recorded." },
  { overlap: "queue", title: "queue", means: "Another job waits until it has ended." },
];

/** What became of a tick, in a word or two. */
export function kindWords(kind: Firing["kind"]): string {
  const words: Record<Firing["kind"], string> = {
    fired: "fired",
    manual: "run by hand",
    overlapped: "skipped",
    missed: "missed",
    failed: "failed",
  };
  return words[kind] ?? kind;
}

/** Lateness below this is that of any clock. */
const LATE_MS = 1_500;

/** What else there is to say of a record. */
export function firingNote(firing: Pick<Firing, "kind" | "ticks" | "tick" | "at" | "because">): string {
  switch (firing.kind) {
    case "missed":
      return firing.ticks === 1
        ? "Nobody was there when it was due."
        : `${count(firing.ticks)} ticks from then on passed while nobody was there.`;
    case "overlapped":
      return "The job before had not ended.";
    case "failed":
      return firing.because ?? "No job could be made.";
    case "fired":
      return firing.at - firing.tick >= LATE_MS ? `${duration((firing.at - firing.tick) / 1000)} late` : "";
    default:
      return "";
  }
}

/** `in 34 s`, `in 5 min`, `in 3 h 10 min`: no finer than one looks at it. */
export function ahead(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  if (seconds < 1) return "now";
  if (seconds < 60) return `in ${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `in ${minutes} min` : `in ${duration(minutes * 60)}`;
}

/** The viewer's own zone. */
export function ownZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** A moment as the clocks of a zone show it; nothing where the browser does not know the zone. */
export function timeIn(zone: string, at: number): string | undefined {
  try {
    return new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      weekday: "short",
      day: "numeric",
      month: "short",
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
    }).format(new Date(at));
  } catch {
    return undefined;
  }
}

/** Whether two zones have the same clocks at that moment. */
export function isSameClock(one: string, other: string, at: number): boolean {
  return timeIn(one, at) === timeIn(other, at);
}
