// Queues and what is attached to them as a picture: rectangles for queues, circles for handlers.
import { Graph, layout } from "@dagrejs/dagre";
import type { QueueInfo } from "../../api/types";

export interface Shape {
  id: string;
  kind: "queue" | "handler";
  /** Name of the queue; for a handler that of the queue it is attached to. */
  queue: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Arrow {
  id: string;
  kind: "input" | "output" | "error";
  /** Name of the queue at the queue's end. */
  queue: string;
  /** Class of the exception, for error arrows. */
  exception: string | undefined;
  points: Point[];
  label: Point;
}

export interface Point {
  x: number;
  y: number;
}

export interface Picture {
  shapes: Shape[];
  arrows: Arrow[];
  width: number;
  height: number;
}

export const QUEUE = { width: 152, height: 58 };
export const HANDLER = { width: 88, height: 88 };
const RATE = { width: 62, height: 20 };
const ERROR = { width: 104, height: 20 };

/** What the picture depends on; counts and rates do not move anything. */
export interface Link {
  queue: string;
  outputs: string[];
  errors: { exception: string; queue: string }[];
}

/** Attachments as links, in the order of names, so that equal ones give an equal picture. */
export function links(queues: readonly QueueInfo[]): Link[] {
  return queues.flatMap((queue) => {
    const settings = queue.attachment?.settings;
    if (!settings) return [];
    const errors = (settings.on_error ?? []).map((one) => ({ exception: one.exception, queue: one.queue }));
    return [{ queue: queue.name, outputs: settings.output_queues ?? [], errors }];
  });
}

/** So many attachments can be drawn at once; more would be neither quick nor readable. */
const LINKS_MOST = 80;

/** What is drawn: everything, or where that is too much what is nearest to the chosen queue. */
export function drawable(
  pipeline: readonly Link[],
  chosen: string | undefined,
  most = LINKS_MOST,
): readonly Link[] {
  if (pipeline.length <= most) return pipeline;
  const found = new Set<Link>();
  const touching = new Map<string, Link[]>();
  const ends = (link: Link) => [link.queue, ...link.outputs, ...link.errors.map((error) => error.queue)];
  for (const link of pipeline)
    for (const name of ends(link)) touching.set(name, [...(touching.get(name) ?? []), link]);
  const seen = new Set<string>();
  let next = chosen === undefined ? [] : [chosen];
  while (next.length > 0 && found.size < most) {
    const further: string[] = [];
    for (const name of next) {
      if (seen.has(name)) continue;
      seen.add(name);
      for (const link of touching.get(name) ?? []) {
        if (found.size >= most) break;
        found.add(link);
        further.push(...ends(link));
      }
    }
    next = further;
  }
  return pipeline.filter((link) => found.has(link));
}

/** `urllib.error.HTTPError` is `HTTPError`. */
export function shortClass(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}

/** The picture of a pipeline; from top to bottom where there is little width. */
export function picture(pipeline: readonly Link[], isTall: boolean): Picture {
  const graph = new Graph({ multigraph: true });
  graph.setGraph({
    rankdir: isTall ? "TB" : "LR",
    nodesep: 28,
    edgesep: 18,
    ranksep: isTall ? 22 : 14,
    marginx: 14,
    marginy: 14,
  });
  graph.setDefaultEdgeLabel(() => ({}));
  const kinds = new Map<string, Pick<Shape, "kind" | "queue">>();
  const ends = new Map<string, Pick<Arrow, "kind" | "queue" | "exception">>();
  const addQueue = (name: string) => {
    const id = `queue ${name}`;
    if (!kinds.has(id)) graph.setNode(id, { ...QUEUE });
    kinds.set(id, { kind: "queue", queue: name });
    return id;
  };
  const addArrow = (from: string, to: string, of: Pick<Arrow, "kind" | "queue" | "exception">) => {
    const id = `${of.kind} ${from} ${to} ${of.exception ?? ""}`;
    ends.set(id, of);
    const size = of.kind === "error" ? ERROR : RATE;
    graph.setEdge(from, to, { ...size, labelpos: "c", weight: of.kind === "error" ? 1 : 4 }, id);
  };
  for (const link of pipeline) {
    const from = addQueue(link.queue);
    const handler = `handler ${link.queue}`;
    graph.setNode(handler, { ...HANDLER });
    kinds.set(handler, { kind: "handler", queue: link.queue });
    addArrow(from, handler, { kind: "input", queue: link.queue, exception: undefined });
    for (const output of link.outputs)
      addArrow(handler, addQueue(output), { kind: "output", queue: output, exception: undefined });
    for (const error of link.errors)
      addArrow(handler, addQueue(error.queue), {
        kind: "error",
        queue: error.queue,
        exception: error.exception,
      });
  }
  if (kinds.size === 0) return { shapes: [], arrows: [], width: 0, height: 0 };
  layout(graph);
  const shapes = [...kinds].map(([id, of]) => {
    const { x, y, width, height } = graph.node(id) as Shape;
    return { id, ...of, x, y, width, height };
  });
  const arrows = graph.edges().flatMap((edge) => {
    const id = edge.name ?? "";
    const of = ends.get(id);
    const { points, x, y } = graph.edge(edge) as { points: Point[]; x: number; y: number };
    return of ? [{ id, ...of, points, label: { x, y } }] : [];
  });
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return { shapes, arrows, width, height };
}

/** The points of an arrow as the path of an SVG, with its corners rounded. */
export function pathOf(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (!first) return "";
  let path = `M${round(first.x)} ${round(first.y)}`;
  rest.forEach((point, at) => {
    const next = rest[at + 1];
    if (!next) path += `L${round(point.x)} ${round(point.y)}`;
    else
      path += `Q${round(point.x)} ${round(point.y)} ${round((point.x + next.x) / 2)} ${round((point.y + next.y) / 2)}`;
  });
  return path;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
