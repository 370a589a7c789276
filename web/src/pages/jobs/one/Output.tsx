// What a job said, stream by stream.
import { useLive } from "../../../live/useLive";
import { useQuery } from "../../../ui/address";
import { bytes } from "../../../ui/format";
import { Tabs } from "../../../ui/Tabs";
import { Log } from "./output/Log";
import { readOutput } from "./output/useLog";
import { useBeat } from "./useBeat";

const STREAMS: readonly (readonly [string, string])[] = [
  ["stdout", "stdout"],
  ["stderr", "stderr"],
  ["logging", "logging"],
  ["pilog", "Pi Log"],
  ["syslog", "System log"],
];

/** `beat` is another number whenever it is time to look how much there is. */
export function Output({ jid, beat, finished }: { jid: number; beat: number; finished: boolean }) {
  const [query, change] = useQuery();
  const asked = query.get("stream");
  const sizes = useLive<Record<string, number>>(`sizes-${jid}-${finished}`, [], async (signal) => {
    const totals = await Promise.all(
      STREAMS.map(([stream]) => readOutput(jid, stream, { offset: 0, limit: 1, follow_ms: 0 }, signal)),
    );
    return Object.fromEntries(STREAMS.map(([stream], at) => [stream, totals[at]?.total ?? 0]));
  });
  useBeat(beat, sizes.refresh);
  const first = STREAMS.find(([stream]) => (sizes.data?.[stream] ?? 0) > 0)?.[0] ?? "stdout";
  const chosen = STREAMS.find(([stream]) => stream === asked)?.[0] ?? (sizes.loading ? undefined : first);
  if (!chosen) return <div class="log-space" />;
  const title = STREAMS.find(([stream]) => stream === chosen)?.[1] ?? chosen;
  return (
    <Tabs
      label="Streams"
      class="subtabs"
      tabs={STREAMS.map(([name, said]) => ({
        name,
        title: (
          <>
            {said} <span class="small soft tab-size">{bytes(sizes.data?.[name])}</span>
          </>
        ),
      }))}
      chosen={chosen}
      choose={(stream) => change({ stream }, true)}
    >
      <Log key={`${jid} ${chosen}`} jid={jid} stream={chosen} title={title} />
    </Tabs>
  );
}
