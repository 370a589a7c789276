// A chart over time. The drawing is for the eyes; the caption has the values as text, and there is a table.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import "./chart.css";
import { ELAPSED_TICKS, elapsed, places, stacked, top, type Values } from "./lines";
import { colour, useThemeVersion, wash } from "./theme";

export interface Line {
  label: string;
  values: Values;
  /** Name of the variable with its colour. */
  colour: string;
  /** Drawn with a dashed stroke, so that lines differ by more than colour. */
  dashed?: boolean;
}

export interface ChartProps {
  title: string;
  /** Seconds: since the beginning, or since 1970 for a clock. */
  x: readonly number[];
  lines: readonly Line[];
  clock?: boolean;
  /** Lines lie one upon the other. */
  stack?: boolean;
  /** A level that is not to be passed. */
  limit?: { value: number; says: string } | undefined;
  format: (value: number) => string;
  /** The scale reaches at least to here. */
  least: number;
  /** Ends of the time that is shown, where they are not those of the data. */
  from?: number | undefined;
  until?: number | undefined;
  /** Charts of one group show the same moment. */
  group?: string;
}

const HEIGHT_PX = 170;
const ROWS_MOST = 120;
const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

export function Chart(props: ChartProps) {
  const { title, x, lines, format, limit, clock = false } = props;
  const [at, setAt] = useState<number | undefined>(undefined);
  const [table, setTable] = useState(false);
  const place = at !== undefined && at < x.length ? at : x.length - 1;
  const moment = (seconds: number) => (clock ? CLOCK.format(new Date(seconds * 1000)) : elapsed(seconds));
  return (
    <figure class="chart">
      <figcaption class="chart-head">
        <h3>{title}</h3>
        <span class="chart-when small soft">{x.length > 0 ? moment(x[place] as number) : ""}</span>
        <button type="button" class="plain small" aria-expanded={table} onClick={() => setTable(!table)}>
          {table ? "Drawing" : "Table"}
          <span class="visually-hidden"> of {title}</span>
        </button>
        <ul class="chart-key">
          {lines.map((line) => (
            <li key={line.label}>
              <svg viewBox="0 0 16 8" aria-hidden="true">
                <line
                  x1="0"
                  y1="4"
                  x2="16"
                  y2="4"
                  stroke={`var(${line.colour})`}
                  stroke-width="3"
                  stroke-dasharray={line.dashed ? "4 3" : undefined}
                />
              </svg>
              {line.label} <b>{value(line.values[place], format)}</b>
            </li>
          ))}
          {limit ? <li class="soft">{limit.says}</li> : null}
        </ul>
      </figcaption>
      {table ? <Table {...props} moment={moment} /> : <Drawing {...props} onPlace={setAt} />}
    </figure>
  );
}

function value(found: number | null | undefined, format: (value: number) => string): string {
  return found === null || found === undefined ? "–" : format(found);
}

function Table({ title, x, lines, format, moment }: ChartProps & { moment: (seconds: number) => string }) {
  const rows = places(x.length, ROWS_MOST).reverse();
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="chart-table" tabIndex={0} aria-label={`Table of ${title}`}>
      <table>
        <thead>
          <tr>
            <th scope="col">Time</th>
            {lines.map((line) => (
              <th key={line.label} scope="col" class="number">
                {line.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row}>
              <th scope="row">{moment(x[row] as number)}</th>
              {lines.map((line) => (
                <td key={line.label} class="number">
                  {value(line.values[row], format)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Drawing(props: ChartProps & { onPlace: (at: number | undefined) => void }) {
  const { lines, stack = false, clock = false, limit, group } = props;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>();
  const now = useRef(props);
  now.current = props;
  const theme = useThemeVersion();
  const data = useMemo(() => drawn(props.x, lines, stack), [props.x, lines, stack]);
  const dataNow = useRef(data);
  dataNow.current = data;
  const kinds = lines.map((line) => `${line.label}\t${line.colour}\t${line.dashed ?? false}`).join("\n");

  // biome-ignore lint/correctness/useExhaustiveDependencies: another theme has other colours
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const ofKinds = kinds.split("\n").map((kind) => kind.split("\t") as [string, string, string]);
    const made = new uPlot(
      options(element.clientWidth, ofKinds, { stack, clock, group }, () => now.current),
      dataNow.current,
      element,
    );
    plot.current = made;
    const watcher = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT_PX }));
    watcher.observe(element);
    return () => {
      watcher.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [kinds, stack, clock, group, theme]);

  // However often data comes, it is drawn once a frame.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the ends and the limit are drawn as well
  useEffect(() => {
    const frame = requestAnimationFrame(() => plot.current?.setData(dataNow.current));
    return () => cancelAnimationFrame(frame);
  }, [data, limit?.value, props.from, props.until]);

  return <div ref={box} class="chart-box" aria-hidden="true" />;
}

/** Columns as they are drawn; of stacked lines the sums, the highest first, so that the lower ones lie before it. */
function drawn(x: readonly number[], lines: readonly Line[], stack: boolean): uPlot.AlignedData {
  const values = lines.map((line) => line.values);
  const columns = stack ? stacked(values).reverse() : values;
  return [x, ...columns] as unknown as uPlot.AlignedData;
}

interface How {
  stack: boolean;
  clock: boolean;
  group: string | undefined;
}

function options(
  width: number,
  kinds: [string, string, string][],
  { stack, clock, group }: How,
  now: () => ChartProps & { onPlace: (at: number | undefined) => void },
): uPlot.Options {
  const ink = colour("--ink-soft");
  const grid = { stroke: colour("--line"), width: 1 };
  const font = "12px system-ui, sans-serif";
  const axis = { stroke: ink, font, grid, ticks: { show: false } };
  const ordered = stack ? [...kinds].reverse() : kinds;
  return {
    width,
    height: HEIGHT_PX,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { setScale: false, x: false, y: false },
      points: { size: 6 },
      ...(group ? { sync: { key: group } } : {}),
    },
    scales: {
      x: {
        time: clock,
        range: (_, low, high) => {
          const { from, until } = now();
          const first = from ?? low ?? 0;
          return [first, Math.max(until ?? high ?? 1, first + 1)];
        },
      },
      y: {
        range: (_, __, high) => [0, top(Math.max(high ?? 0, now().limit?.value ?? 0), now().least)],
      },
    },
    axes: [
      clock
        ? { ...axis, size: 28, values: "{HH}:{mm}" }
        : {
            ...axis,
            size: 28,
            incrs: ELAPSED_TICKS,
            values: (_, ticks) => ticks.map((tick) => elapsed(tick)),
          },
      { ...axis, size: 66, space: 34, values: (_, ticks) => ticks.map((tick) => now().format(tick)) },
    ],
    series: [
      {},
      ...ordered.map(([label, name, dashed]) => ({
        label,
        stroke: colour(name),
        width: 1.5,
        ...(dashed === "true" ? { dash: [6, 4] } : {}),
        ...(stack ? { fill: wash(name) } : {}),
        points: { show: (plot: uPlot) => (plot.data[0]?.length ?? 0) < 2 },
        spanGaps: false,
      })),
    ],
    hooks: {
      setCursor: [(plot) => now().onPlace(plot.cursor.idx ?? undefined)],
      draw: [(plot) => drawLimit(plot, now().limit?.value)],
    },
  };
}

function drawLimit(plot: uPlot, value: number | undefined): void {
  if (value === undefined) return;
  const y = Math.round(plot.valToPos(value, "y", true));
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = colour("--error");
  ctx.lineWidth = Math.max(1, devicePixelRatio);
  ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.restore();
}
