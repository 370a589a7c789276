// The password of the account.
import { useState } from "preact/hooks";
import { api, data } from "../../api/http";
import { useSession } from "../../shell/session";
import { NewPassword } from "../../ui/NewPassword";
import { ErrorNote, say } from "../../ui/Notes";
import { isPassword } from "../../ui/password";
import { Section } from "./Section";

export function Password() {
  const { session, renew } = useSession();
  const [open, setOpen] = useState(false);
  const [current, setCurrent] = useState("");
  const [chosen, setChosen] = useState("");
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<Error>();

  const close = () => {
    setOpen(false);
    setCurrent("");
    setChosen("");
    setRefused(undefined);
  };
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    setRefused(undefined);
    try {
      const body = session.has_password ? { current, new: chosen } : { new: chosen };
      await api.PUT("/v1/session/password", { body });
      say("The password is changed. All other sessions have ended.");
      close();
      renew(data(await api.GET("/v1/session")));
    } catch (error) {
      setRefused(error as Error);
    } finally {
      setBusy(false);
    }
  };

  return (
    <Section
      title="Password"
      about={
        session.has_password
          ? "A new password ends all other sessions."
          : "This account has none yet. With one, it can be signed in to without a link."
      }
      actions={
        open ? null : (
          <button type="button" onClick={() => setOpen(true)}>
            {session.has_password ? "Change the password" : "Set a password"}
          </button>
        )
      }
    >
      {open ? (
        <form class="setting-form" onSubmit={submit}>
          <input
            class="visually-hidden"
            name="username"
            autocomplete="username"
            value={session.account_name}
            readOnly
            tabIndex={-1}
            aria-hidden="true"
          />
          {session.has_password ? (
            <label class="field">
              <span>Password so far</span>
              <input
                type="password"
                name="current-password"
                autocomplete="current-password"
                required
                value={current}
                onInput={(event) => setCurrent(event.currentTarget.value)}
              />
            </label>
          ) : null}
          <NewPassword label="New password" value={chosen} onValue={setChosen} />
          {refused ? <ErrorNote error={refused} /> : null}
          <div class="row">
            <button type="submit" class="primary" disabled={busy || !isPassword(chosen)}>
              {session.has_password ? "Change it" : "Set it"}
            </button>
            <button type="button" onClick={close}>
              Cancel
            </button>
          </div>
        </form>
      ) : null}
    </Section>
  );
}
