// Figures of charts: stacking, picking rows for the table, ticks.

export type Values = readonly (number | null)[];

/** Each line upon the ones before it; what is missing counts as nothing. */
export function stacked(lines: readonly Values[]): number[][] {
  const sums: number[][] = [];
  for (const line of lines) {
    const below = sums[sums.length - 1];
    sums.push(line.map((value, at) => (value ?? 0) + (below?.[at] ?? 0)));
  }
  return sums;
}

/** At most `most` places of `count`, evenly, the last one among them. */
export function places(count: number, most: number): number[] {
  if (count <= most) return Array.from({ length: count }, (_, at) => at);
  return Array.from({ length: most }, (_, at) => Math.round(((at + 1) * count) / most) - 1);
}

/** Distances between ticks of elapsed time, in seconds. */
export const ELAPSED_TICKS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800,
];

/** `75` is `1:15`, `3675` is `1:01:15`. */
export function elapsed(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (n: number) => String(n).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** The top of a scale: a little above what is on it, and never nothing. */
export function top(highest: number, least: number): number {
  return Math.max(highest * 1.08, least);
}
