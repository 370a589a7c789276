// Bars over days. Drawn in percent, so that it fits any width without being measured.
import type { Period } from "./period";
import { binned, bins } from "./period";

const HEIGHT = 160;

export function Bars({
  rows,
  period,
  title,
  say,
}: {
  rows: readonly { day: string; value: number }[];
  period: Period;
  title: string;
  /** A value in words, with its unit. */
  say: (value: number) => string;
}) {
  const bars = binned(rows, period);
  const { days } = bins(period);
  const most = Math.max(...bars.map((bar) => bar.value), 0);
  const step = 100 / bars.length;
  const used = bars.filter((bar) => bar.value > 0).length;
  return (
    <figure class="bars">
      <figcaption class="small soft row spread">
        <span>
          {title} {days === 1 ? "by day" : `by ${days / 7 === 1 ? "week" : `${days / 7} weeks`}`}
        </span>
        <span>{most > 0 ? `most: ${say(most)}` : "nothing in this period"}</span>
      </figcaption>
      <svg
        width="100%"
        height={HEIGHT}
        role="img"
        aria-label={`${title} from ${period.from} to ${period.to}: ${used} of ${bars.length} bars have something, at most ${say(most)}. The table has the figures.`}
      >
        <line class="grid" x1="0" x2="100%" y1="0.5" y2="0.5" />
        <line class="grid" x1="0" x2="100%" y1={HEIGHT / 2} y2={HEIGHT / 2} />
        <line class="base" x1="0" x2="100%" y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} />
        {bars.map((bar, index) => {
          const height = most > 0 ? (bar.value / most) * (HEIGHT - 2) : 0;
          // A little that is there is not drawn as nothing.
          const shown = bar.value > 0 ? Math.max(2, height) : 0;
          return (
            <g key={bar.start} class="bar">
              <rect class="hover" x={`${index * step}%`} width={`${step}%`} y="0" height={HEIGHT} />
              <rect
                class="value"
                x={`${(index + 0.12) * step}%`}
                width={`${step * 0.76}%`}
                y={HEIGHT - 1 - shown}
                height={shown}
              />
              <title>{`${bar.start}${days > 1 ? ` and ${days - 1} days after` : ""}: ${say(bar.value)}`}</title>
            </g>
          );
        })}
      </svg>
      <div class="row spread small soft" aria-hidden="true">
        <span>{period.from}</span>
        <span>{period.to}</span>
      </div>
    </figure>
  );
}
