// A profile as a picture: each function is a bar as wide as the time it took, below the one that called it.
//
// cProfile counts calls between two functions, not whole stacks. So the time of a function is split among those it
// calls by what each edge took, whoever called the function; for most programs that is very near the truth.
import type { ProfileCalls } from "../../../../api/types";

export interface Bar {
  /** Its function's place in the profile. */
  fn: number;
  depth: number;
  /** Left edge and width, as shares of the whole. */
  left: number;
  width: number;
  seconds: number;
  /** Functions from the top of the picture down to this one. */
  path: readonly number[];
}

export interface FlameBounds {
  depth: number;
  bars: number;
  /** Narrower bars are left out. */
  share: number;
}

export const FLAME: FlameBounds = { depth: 60, bars: 1_500, share: 0.0015 };

interface Edge {
  to: number;
  seconds: number;
}

/** Calls by caller, without those of a function by itself, the longest first. */
function callees(calls: ProfileCalls): Map<number, Edge[]> {
  const found = new Map<number, Edge[]>();
  for (const edge of calls.edges) {
    if (edge.caller === edge.callee || !calls.functions[edge.callee] || edge.total_s <= 0) continue;
    const list = found.get(edge.caller) ?? [];
    list.push({ to: edge.callee, seconds: edge.total_s });
    found.set(edge.caller, list);
  }
  for (const list of found.values()) list.sort((a, b) => b.seconds - a.seconds);
  return found;
}

/** Functions that no other one called; all that are left if a circle leaves none. */
export function roots(calls: ProfileCalls): number[] {
  const called = new Set<number>();
  for (const edge of calls.edges) if (edge.caller !== edge.callee) called.add(edge.callee);
  const found = calls.functions.map((_, at) => at).filter((at) => !called.has(at));
  if (found.length > 0 || calls.functions.length === 0) return found;
  let longest = 0;
  calls.functions.forEach((one, at) => {
    if (one.total_s > (calls.functions[longest]?.total_s ?? 0)) longest = at;
  });
  return [longest];
}

/**
 * The bars of the picture. With a path only what is below its last function, over the whole width; the functions
 * above it come first, each as wide as everything, as the way back.
 */
export function flame(calls: ProfileCalls, path: readonly number[] = [], bounds: FlameBounds = FLAME): Bar[] {
  const below = callees(calls);
  const bars: Bar[] = [];
  const starts = path.length > 0 ? [path[path.length - 1] as number] : roots(calls);
  path.slice(0, -1).forEach((fn, depth) => {
    const seconds = calls.functions[fn]?.total_s ?? 0;
    bars.push({ fn, depth, left: 0, width: 1, seconds, path: path.slice(0, depth + 1) });
  });
  const above = path.slice(0, -1);
  const total = starts.reduce((sum, fn) => sum + (calls.functions[fn]?.total_s ?? 0), 0);
  if (total <= 0) return bars;

  // Level by level, so that a bound on the bars leaves out the deepest ones.
  let level: Bar[] = [];
  let left = 0;
  for (const fn of [...starts].sort((a, b) => totalOf(calls, b) - totalOf(calls, a))) {
    const seconds = totalOf(calls, fn);
    const width = seconds / total;
    if (width >= bounds.share)
      level.push({ fn, depth: above.length, left, width, seconds, path: [...above, fn] });
    left += width;
  }
  while (level.length > 0 && bars.length < bounds.bars) {
    bars.push(...level.slice(0, bounds.bars - bars.length));
    const next: Bar[] = [];
    for (const bar of level) {
      if (bar.depth - above.length + 1 >= bounds.depth) continue;
      next.push(...under(bar, calls, below, bounds));
    }
    level = next;
  }
  return bars;
}

function totalOf(calls: ProfileCalls, fn: number): number {
  return Math.max(0, calls.functions[fn]?.total_s ?? 0);
}

function under(bar: Bar, calls: ProfileCalls, below: Map<number, Edge[]>, bounds: FlameBounds): Bar[] {
  // Who is above already is cut: a circle has no end.
  const edges = (below.get(bar.fn) ?? []).filter((edge) => !bar.path.includes(edge.to));
  const own = totalOf(calls, bar.fn);
  if (own <= 0) return [];
  const sum = edges.reduce((all, edge) => all + edge.seconds, 0);
  // Recursion makes edges longer than the function that they start from; then they share what it has.
  const scale = sum > own ? own / sum : 1;
  const found: Bar[] = [];
  let left = bar.left;
  for (const edge of edges) {
    const share = (edge.seconds * scale) / own;
    const width = bar.width * share;
    if (width >= bounds.share)
      found.push({
        fn: edge.to,
        depth: bar.depth + 1,
        left,
        width,
        seconds: bar.seconds * share,
        path: [...bar.path, edge.to],
      });
    left += width;
  }
  return found;
}

/** Where the arrow keys lead from a bar: to its caller, into it, to its neighbours of the same depth. */
export function neighbour(bars: readonly Bar[], at: number, key: string): number | undefined {
  const bar = bars[at];
  if (!bar) return undefined;
  const level = (depth: number) =>
    bars
      .flatMap((one, place) => (one.depth === depth ? [place] : []))
      .sort((a, b) => (bars[a] as Bar).left - (bars[b] as Bar).left);
  if (key === "ArrowUp" || key === "ArrowDown") {
    const depth = bar.depth + (key === "ArrowUp" ? -1 : 1);
    const middle = bar.left + bar.width / 2;
    const near = (place: number) => {
      const one = bars[place] as Bar;
      if (key === "ArrowDown")
        return one.left >= bar.left - 1e-9 && one.left < bar.left + bar.width ? -one.width : 1;
      return one.left <= middle && middle <= one.left + one.width ? 0 : 1;
    };
    const found = level(depth).sort((a, b) => near(a) - near(b))[0];
    return found !== undefined && near(found) <= 0 ? found : undefined;
  }
  const same = level(bar.depth);
  const place = same.indexOf(at);
  if (key === "ArrowLeft") return same[place - 1];
  if (key === "ArrowRight") return same[place + 1];
  return undefined;
}
