// What belongs to the account and to this browser; for administrators, the other accounts.
import { useSession } from "../../shell/session";
import "../../ui/cards.css";
import { About } from "./About";
import { Accounts } from "./Accounts";
import { ApiKeys } from "./ApiKeys";
import { Password } from "./Password";
import { Sessions } from "./Sessions";
import { ThemeChoice } from "./ThemeChoice";
import "./settings.css";

export default function SettingsPage() {
  const { session } = useSession();
  return (
    <div class="settings">
      <h1>Settings</h1>
      <ApiKeys />
      <Password />
      <Sessions />
      {session.admin ? <Accounts /> : null}
      <ThemeChoice />
      <About />
    </div>
  );
}
