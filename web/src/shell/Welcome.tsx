// The way in by a link that is good once. Its secret is behind the `#`, and leaves the address once it is used.
import { useEffect, useState } from "preact/hooks";
import { api, data, Refusal } from "../api/http";
import type { LinkAbout, Session } from "../api/types";
import { Snippet } from "../ui/Empty";
import { NewPassword } from "../ui/NewPassword";
import { ErrorNote } from "../ui/Notes";
import { isPassword } from "../ui/password";
import "../ui/ui.css";
import "./doorway.css";

const secret = () => location.hash.slice(1);

export function Welcome({ onEnter }: { onEnter: (session: Session) => void }) {
  const [token, setToken] = useState(secret);
  const [about, setAbout] = useState<LinkAbout>();
  const [bad, setBad] = useState<Error>();

  useEffect(() => {
    document.title = "Welcome · picloud";
    const changed = () => location.hash.length > 1 && setToken(secret());
    window.addEventListener("hashchange", changed);
    return () => window.removeEventListener("hashchange", changed);
  }, []);
  useEffect(() => {
    let stale = false;
    setAbout(undefined);
    setBad(undefined);
    api.POST("/v1/session/link/look", { body: { token } }).then(
      (answer) => stale || setAbout(data(answer)),
      (error: Error) => stale || setBad(error),
    );
    return () => {
      stale = true;
    };
  }, [token]);

  const enter = (session: Session) => {
    history.replaceState(null, "", "/jobs");
    onEnter(session);
  };

  return (
    <main class="doorway">
      <p class="brand">
        <img src="/icon.svg" alt="" /> picloud
      </p>
      {bad ? <Over error={bad} /> : null}
      {about ? <Enter key={token} token={token} about={about} onEnter={enter} /> : null}
    </main>
  );
}

function Enter({
  token,
  about,
  onEnter,
}: {
  token: string;
  about: LinkAbout;
  onEnter: (session: Session) => void;
}) {
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<Error>();

  const enter = async (chosen: string | undefined) => {
    setBusy(true);
    setRefused(undefined);
    try {
      const body = chosen === undefined ? { token } : { token, password: chosen };
      onEnter(data(await api.POST("/v1/session/link", { body })));
    } catch (error) {
      setRefused(error as Error);
      setBusy(false);
    }
  };
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    void enter(password);
  };

  return (
    <section class="panel">
      <h1>Welcome</h1>
      <p>
        This link signs you in as <strong class="names">{about.account_name}</strong>, once.{" "}
        {about.has_password
          ? "You can set a new password on the way, which ends all other sessions."
          : "Choose a password for the next time."}
      </p>
      <form onSubmit={submit}>
        <label class="field">
          <span>Account</span>
          <input name="username" autocomplete="username" value={about.account_name} readOnly />
        </label>
        <NewPassword
          label={about.has_password ? "New password" : "Password"}
          value={password}
          onValue={setPassword}
        />
        {refused ? <ErrorNote error={refused} /> : null}
        <button type="submit" class="primary" disabled={busy || !isPassword(password)}>
          {about.has_password ? "Set the password and sign in" : "Sign in"}
        </button>
        {about.has_password ? (
          <button type="button" class="plain" disabled={busy} onClick={() => enter(undefined)}>
            Keep the password and sign in
          </button>
        ) : null}
      </form>
    </section>
  );
}

/** A link that leads nowhere, and how to get another. */
function Over({ error }: { error: Error }) {
  if (error instanceof Refusal && error.status === 0) {
    return (
      <section class="panel">
        <h1>Welcome</h1>
        <ErrorNote error={new Refusal(0, error.message, "the link is still good")} />
        <button type="button" onClick={() => location.reload()}>
          Try again
        </button>
      </section>
    );
  }
  return (
    <section class="panel">
      <h1>This link does not sign in</h1>
      <p class="error-note" role="alert">
        {error.message}
      </p>
      <p>A link is good once and for a day. This prints another, where your API key is set up:</p>
      <Snippet code="picloud dashboard" />
      <p>
        <a href="/jobs">Sign in with a password</a>
      </p>
    </section>
  );
}
