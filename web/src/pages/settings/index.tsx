// What belongs to the account and to this browser; for administrators, the other accounts.
import { useCallback, useState } from "preact/hooks";
import { useSession } from "../../shell/session";
import "../../ui/cards.css";
import { About } from "./About";
import { Accounts } from "./Accounts";
import { ApiKeys } from "./ApiKeys";
import { Arrival } from "./arrival";
import { Password } from "./Password";
import { Sessions } from "./Sessions";
import "./settings.css";
import { ThemeChoice } from "./ThemeChoice";

export default function SettingsPage() {
  const { session } = useSession();
  const [arrived, setArrived] = useState<ReadonlySet<string>>(new Set());
  const arrive = useCallback((name: string) => setArrived((before) => new Set(before).add(name)), []);
  const waiting = ["keys", "sessions", ...(session.admin ? ["accounts"] : [])].some(
    (one) => !arrived.has(one),
  );
  return (
    <Arrival.Provider value={arrive}>
      <div class={waiting ? "settings waiting" : "settings"} aria-busy={waiting}>
        <h1>Settings</h1>
        <ApiKeys />
        <Password />
        <Sessions />
        {session.admin ? <Accounts /> : null}
        <ThemeChoice />
        <About />
      </div>
    </Arrival.Provider>
  );
}
