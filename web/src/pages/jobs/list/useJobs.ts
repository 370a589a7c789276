// The rows of the list as they come. What was shown last stays until the first answer to another question is there,
// and is there again at once for whoever comes back from a job.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { api, data } from "../../../api/http";
import { useSession } from "../../../shell/session";
import { type Fed, Feeder } from "./feeder";
import { type Filters, toQuery } from "./filters";
import { MOST_PX, ROW_REM } from "./rows";

/** The list as it was left. */
interface Left {
  /** Another account's rows are nobody else's business. */
  account: number;
  search: string;
  feeder: Feeder;
  /** How far down one was. */
  top: number;
}

let left: Left | undefined;

export interface Jobs {
  feeder: Feeder;
  fed: Fed;
  /** Whose rows `fed` has: those of another question while the answer is on its way. */
  of: Feeder;
  top: number;
  /** Remembers how far down one is. */
  leaveAt: (top: number) => void;
}

export function useJobs(search: string, filters: Filters): Jobs {
  const [, redraw] = useState(0);
  const { account } = useSession().session;
  // The address is what makes another question; the filters are read from it.
  const asked = useRef(filters);
  asked.current = filters;
  const feeder = useMemo(() => {
    if (left?.search === search && left.account === account) return left.feeder;
    const question = asked.current;
    const most = Math.floor(MOST_PX / (ROW_REM * 16));
    return new Feeder(async (before, limit, signal) => {
      const below = before ?? question.before;
      const query = { ...toQuery(question, Date.now()), limit };
      const params = { query: below === undefined ? query : { ...query, before: below } };
      return data(await api.GET("/v1/jobs", { params, signal }));
    }, most);
  }, [search, account]);

  useEffect(() => {
    feeder.changed = () => redraw((count) => count + 1);
    feeder.start();
    return () => {
      feeder.changed = () => undefined;
      feeder.stop();
    };
  }, [feeder]);

  const shown = useRef(feeder);
  if (feeder.fed.book.pages.length > 0 || feeder.fed.error) shown.current = feeder;
  const top = left?.feeder === shown.current ? left.top : 0;
  return {
    feeder,
    fed: shown.current.fed,
    of: shown.current,
    top,
    leaveAt: (now) => {
      if (shown.current === feeder) left = { account, search, feeder, top: now };
    },
  };
}
