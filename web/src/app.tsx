// Who is here, and so what is shown: the ways in, or the page.
import { useCallback, useEffect, useState } from "preact/hooks";
import { Router } from "wouter-preact";
import { api, data, useToken, whenSignedOut } from "./api/http";
import type { Session } from "./api/types";
import { startChanges, stopChanges } from "./live/changes";
import { Shell } from "./shell/Shell";
import { SignIn } from "./shell/SignIn";
import { SessionContext } from "./shell/session";
import { applyTheme } from "./shell/theme";
import { Welcome } from "./shell/Welcome";

applyTheme();

type State =
  | { who: "asking" }
  | { who: "nobody" }
  | { who: "unknown"; error: Error }
  | { who: "somebody"; session: Session };

/** Whether the address is a link that signs in. */
function followsLink(): boolean {
  return location.pathname === "/welcome" && location.hash.length > 1;
}

export function App() {
  const [state, setState] = useState<State>({ who: "asking" });

  const enter = useCallback((session: Session) => {
    useToken(session.csrf_token);
    startChanges();
    setState({ who: "somebody", session });
  }, []);
  const leave = useCallback(() => {
    stopChanges();
    setState({ who: "nobody" });
  }, []);
  const look = useCallback(async () => {
    // Somebody may have signed in while this was on its way.
    const found = (now: State) => setState((before) => (before.who === "somebody" ? before : now));
    try {
      const answer = await api.GET("/v1/session");
      if (answer.response.status === 204) found({ who: "nobody" });
      else enter(data(answer));
    } catch (error) {
      found({ who: "unknown", error: error as Error });
    }
  }, [enter]);

  useEffect(() => {
    whenSignedOut(leave);
    // A link says who one is.
    if (!followsLink()) void look();
  }, [leave, look]);
  useEffect(() => {
    if (state.who !== "unknown") return undefined;
    const timer = window.setTimeout(look, 2_000);
    return () => window.clearTimeout(timer);
  }, [state, look]);

  if (followsLink()) return <Welcome onEnter={enter} />;
  switch (state.who) {
    case "asking":
      return null;
    case "unknown":
      return (
        <main class="doorway">
          <p role="alert">{state.error.message}. Trying again…</p>
        </main>
      );
    case "nobody":
      return <SignIn onEnter={enter} />;
    case "somebody":
      return (
        <SessionContext.Provider value={{ session: state.session, leave, renew: enter }}>
          <Router>
            <Shell />
          </Router>
        </SessionContext.Provider>
      );
  }
}
