// The pipeline as a picture. The table below it says the same in words, for those who do not see it.
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { Link } from "wouter-preact";
import type { QueueInfo } from "../../api/types";
import { count, rate } from "../../ui/format";
import { visible } from "../../ui/text";
import { type Arrow, drawable, links, type Picture, pathOf, picture, type Shape, shortClass } from "./graph";
import type { Limiting } from "./limiting";

interface PipelineProps {
  queues: readonly QueueInfo[];
  limiting: Limiting | undefined;
  chosen: string | undefined;
}

const NARROW = "(max-width: 46rem)";

function useNarrow(): boolean {
  const [narrow, setNarrow] = useState(() => matchMedia(NARROW).matches);
  useEffect(() => {
    const query = matchMedia(NARROW);
    const changed = () => setNarrow(query.matches);
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, []);
  return narrow;
}

/** A picture that is a little too wide is made smaller; text must stay readable. */
const SCALE_LEAST = 0.75;

function useScale(box: RefObject<HTMLElement>, width: number): number {
  const [scale, setScale] = useState(1);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element || width === 0) return undefined;
    const measure = () => setScale(Math.max(SCALE_LEAST, Math.min(1, element.clientWidth / width)));
    measure();
    const watcher = new ResizeObserver(measure);
    watcher.observe(element);
    return () => watcher.disconnect();
  }, [box, width]);
  return scale;
}

/** Brings the chosen queue into sight, within the picture only. */
function useShown(
  box: RefObject<HTMLElement>,
  drawn: Picture,
  chosen: string | undefined,
  scale: number,
): void {
  useEffect(() => {
    const element = box.current;
    const shape = drawn.shapes.find((one) => one.kind === "queue" && one.queue === chosen);
    if (!element || !shape) return;
    const left = (shape.x - shape.width / 2) * scale;
    const top = (shape.y - shape.height / 2) * scale;
    const isSeen =
      left >= element.scrollLeft &&
      left + shape.width * scale <= element.scrollLeft + element.clientWidth &&
      top >= element.scrollTop &&
      top + shape.height * scale <= element.scrollTop + element.clientHeight;
    if (isSeen) return;
    element.scrollLeft = shape.x * scale - element.clientWidth / 2;
    element.scrollTop = shape.y * scale - element.clientHeight / 2;
  }, [box, drawn, chosen, scale]);
}

export function Pipeline({ queues, limiting, chosen }: PipelineProps) {
  const narrow = useNarrow();
  const all = links(queues);
  const pipeline = drawable(all, chosen);
  const structure = JSON.stringify(pipeline);
  // Counts change all the time; what is where does not.
  const drawn = useMemo(() => picture(JSON.parse(structure), narrow), [structure, narrow]);
  const known = new Map(queues.map((queue) => [queue.name, queue]));
  const box = useRef<HTMLElement>(null);
  const scale = useScale(box, drawn.width);
  useShown(box, drawn, chosen, scale);
  if (drawn.shapes.length === 0)
    return all.length === 0 ? null : (
      <p class="soft">
        There are {count(all.length)} handlers, too many to draw. Choose a queue to see what is around it.
      </p>
    );
  return (
    <section ref={box} class="panel pipeline" aria-label="Pipeline, the same as in the table below">
      <div
        class="pipeline-all"
        style={{
          width: `${drawn.width}px`,
          height: `${drawn.height}px`,
          transform: `scale(${scale})`,
          // What is scaled takes as much room as before; the rest is taken away.
          marginRight: `${(scale - 1) * drawn.width}px`,
          marginBottom: `${(scale - 1) * drawn.height}px`,
        }}
      >
        <Arrows arrows={drawn.arrows} width={drawn.width} height={drawn.height} />
        {drawn.arrows.map((arrow) => (
          <ArrowLabel key={arrow.id} arrow={arrow} arrows={drawn.arrows} known={known} />
        ))}
        {drawn.shapes.map((shape) =>
          shape.kind === "queue" ? (
            <QueueShape
              key={shape.id}
              shape={shape}
              queue={known.get(shape.queue)}
              isChosen={shape.queue === chosen}
              isLimiting={shape.queue === limiting?.queue}
            />
          ) : (
            <HandlerShape
              key={shape.id}
              shape={shape}
              queue={known.get(shape.queue)}
              isLimiting={shape.queue === limiting?.queue}
              isTall={narrow}
            />
          ),
        )}
      </div>
    </section>
  );
}

function Arrows({ arrows, width, height }: { arrows: Arrow[]; width: number; height: number }) {
  return (
    <svg width={width} height={height} aria-hidden="true">
      <defs>
        {["input", "error"].map((kind) => (
          <marker
            key={kind}
            id={`tip-${kind}`}
            class={`tip ${kind}`}
            viewBox="0 0 10 10"
            refX="9"
            refY="5"
            markerWidth="7"
            markerHeight="7"
            orient="auto-start-reverse"
          >
            <path d="M0 0L10 5L0 10z" />
          </marker>
        ))}
      </defs>
      {arrows.map((arrow) => (
        <path
          key={arrow.id}
          class={`arrow ${arrow.kind}`}
          d={pathOf(arrow.points)}
          marker-end={`url(#tip-${arrow.kind === "error" ? "error" : "input"})`}
        />
      ))}
    </svg>
  );
}

/** What flows: into a handler what leaves its queue; into a queue what comes, where only one handler sends there. */
function ArrowLabel({
  arrow,
  arrows,
  known,
}: {
  arrow: Arrow;
  arrows: Arrow[];
  known: Map<string, QueueInfo>;
}) {
  const queue = known.get(arrow.queue);
  let text = "";
  if (arrow.kind === "error") text = visible(shortClass(arrow.exception ?? ""));
  else if (arrow.kind === "input") text = queue ? rate(queue.dequeued_per_s) : "";
  else {
    const into = arrows.filter((one) => one.queue === arrow.queue && one.kind !== "input");
    if (queue && into.length === 1) text = rate(queue.enqueued_per_s);
  }
  if (text === "") return null;
  return (
    <span
      class={`arrow-label ${arrow.kind}`}
      title={arrow.kind === "error" ? visible(arrow.exception ?? "") : undefined}
      style={{ left: `${arrow.label.x}px`, top: `${arrow.label.y}px` }}
    >
      {text}
    </span>
  );
}

function placed(shape: Shape) {
  return {
    left: `${shape.x - shape.width / 2}px`,
    top: `${shape.y - shape.height / 2}px`,
    width: `${shape.width}px`,
    height: `${shape.height}px`,
  };
}

interface ShapeProps {
  shape: Shape;
  queue: QueueInfo | undefined;
  isLimiting: boolean;
}

function QueueShape({ shape, queue, isLimiting, isChosen }: ShapeProps & { isChosen: boolean }) {
  const name = visible(shape.queue);
  if (!queue)
    return (
      <span class="shape queue missing" style={placed(shape)}>
        <b class="cut">{name}</b>
        <span class="small soft">no message yet</span>
      </span>
    );
  return (
    <Link
      class={`shape queue${isChosen ? " chosen" : ""}${isLimiting ? " limiting" : ""}`}
      href={`/queues/${shape.queue}`}
      aria-current={isChosen ? "true" : undefined}
      style={placed(shape)}
    >
      <b class="cut">{name}</b>
      <span class="small">
        {count(queue.count)} {queue.count === 1 ? "message" : "messages"}
        {queue.paused ? ", paused" : ""}
      </span>
    </Link>
  );
}

function HandlerShape({ shape, queue, isLimiting, isTall }: ShapeProps & { isTall: boolean }) {
  const attached = queue?.attachment;
  if (!attached) return null;
  return (
    <Link
      class={`shape handler${isLimiting ? " limiting" : ""}`}
      href={`/jobs?queue=${shape.queue}`}
      title={`${visible(attached.handler)}: view its jobs`}
      style={placed(shape)}
    >
      <b class="handler-name">{visible(attached.handler.slice(attached.handler.lastIndexOf(".") + 1))}</b>
      <span class="small">
        {attached.jobs} of {attached.max_parallel_jobs}
        <span class="visually-hidden"> jobs</span>
      </span>
      {isLimiting ? (
        <span class={isTall ? "limits within" : "limits"}>
          limits<span class={isTall ? "visually-hidden" : undefined}> the pipeline</span>
        </span>
      ) : null}
    </Link>
  );
}
