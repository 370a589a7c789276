// The search of a log as the page uses it: works between frames, goes on with what comes.
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { LogText } from "./logText";
import { HITS_MOST, type Hit, hitFrom, hitsIn, pattern, Search } from "./search";

export interface Finder {
  text: string;
  setText: (text: string) => void;
  /** How many places were found so far. */
  hits: number;
  /** Which of them one is at. */
  place: number;
  isOver: boolean;
  /** There are more than were counted. */
  isMore: boolean;
  go: (step: 1 | -1) => void;
  /** Places within a piece of a line. */
  inLine: (text: string, number: number) => Hit[];
  isCurrent: (line: number, from: number) => boolean;
}

const SLICE_MS = 8;
/** Marks in one line; a line may be all of what is searched for. */
const MARKS_MOST = 200;

export function useFinder(
  log: LogText,
  version: number,
  shown: (line: string) => string,
  firstLine: () => number,
  jump: (line: number, from: number) => void,
): Finder {
  const [text, setText] = useState("");
  const [place, setPlace] = useState(0);
  const [, tick] = useState(0);
  const wanted = useMemo(() => pattern(text), [text]);
  const search = useMemo(() => (wanted ? new Search(log, wanted, shown) : undefined), [log, wanted, shown]);
  const isNew = useRef(false);
  const start = useRef(firstLine);
  start.current = firstLine;

  // biome-ignore lint/correctness/useExhaustiveDependencies: another search begins anew
  useEffect(() => {
    isNew.current = true;
    setPlace(0);
  }, [search]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: more text is more to search
  useEffect(() => {
    if (!search) return undefined;
    let timer: number | undefined;
    const work = () => {
      const until = performance.now() + SLICE_MS;
      search.work(() => performance.now() > until);
      tick((n) => n + 1);
      if (!search.isOver) timer = window.setTimeout(work, 0);
      else if (isNew.current && search.hits.length > 0) {
        isNew.current = false;
        const at = hitFrom(search.hits, start.current() - 20);
        const hit = search.hits[at] as Hit;
        setPlace(at);
        jump(hit.line, hit.from);
      }
    };
    timer = window.setTimeout(work, 0);
    return () => window.clearTimeout(timer);
  }, [search, version]);

  const go = useCallback(
    (step: 1 | -1) => {
      const count = search?.hits.length ?? 0;
      if (!search || count === 0) return;
      const next = (place + step + count) % count;
      const hit = search.hits[next] as Hit;
      setPlace(next);
      jump(hit.line, hit.from);
    },
    [search, place, jump],
  );
  const current = search?.hits[place];
  return {
    text,
    setText,
    hits: search?.hits.length ?? 0,
    place,
    isOver: search?.isOver ?? true,
    isMore: (search?.hits.length ?? 0) >= HITS_MOST,
    go,
    inLine: (line, number) => (wanted ? hitsIn(line, wanted, number, MARKS_MOST) : []),
    isCurrent: (line, from) => current?.line === line && current.from === from,
  };
}
