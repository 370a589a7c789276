// The next firings: in the viewer's time, and by the clocks of the schedule's zone where those differ.
import { Time } from "../../ui/Time";
import { isSameClock, ownZone, timeIn } from "./words";

export function Ticks({ ticks, zone }: { ticks: readonly number[]; zone: string }) {
  const own = ownZone();
  const differs = ticks.some((at) => !isSameClock(zone, own, at));
  return (
    <div class="ticks">
      <ol>
        {ticks.map((at) => (
          <li key={at}>
            <Time at={at} long />
            {differs ? <span class="small soft">{timeIn(zone, at) ?? ""}</span> : null}
          </li>
        ))}
      </ol>
      <p class="small soft">
        {differs ? `Your time, ${own}; beside it that of ${zone}.` : `Your time, ${own}.`}
      </p>
    </div>
  );
}
