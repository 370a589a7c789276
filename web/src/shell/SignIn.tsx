// The way in for who has a password; who has none is told how to get a link.
import { useEffect, useRef, useState } from "preact/hooks";
import { api, data, Refusal } from "../api/http";
import type { Session } from "../api/types";
import { Snippet } from "../ui/Empty";
import { ErrorNote } from "../ui/Notes";
import { useSecond } from "../ui/Time";
import "../ui/ui.css";
import "./doorway.css";

/** What was refused, and until when there is no point in another try. */
interface Refused {
  error: Error;
  until: number;
}

export function SignIn({ onEnter }: { onEnter: (session: Session) => void }) {
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<Refused>();
  const password = useRef<HTMLInputElement>(null);
  useEffect(() => {
    document.title = "Sign in · picloud";
  }, []);

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    setBusy(true);
    try {
      const body = { account: String(form.get("username")).trim(), password: String(form.get("password")) };
      onEnter(data(await api.POST("/v1/session", { body })));
    } catch (error) {
      const wait = error instanceof Refusal ? (error.waitSeconds ?? 0) : 0;
      setRefused({ error: error as Error, until: Date.now() + wait * 1000 });
      setBusy(false);
      password.current?.select();
    }
  };

  return (
    <main class="doorway">
      <p class="brand">
        <img src="/icon.svg" alt="" /> picloud
      </p>
      <section class="panel">
        <h1>Sign in</h1>
        <form onSubmit={submit}>
          <label class="field">
            <span>Account</span>
            <input
              name="username"
              autocomplete="username"
              autocapitalize="none"
              spellcheck={false}
              required
              maxLength={64}
            />
          </label>
          <label class="field">
            <span>Password</span>
            <input
              ref={password}
              type="password"
              name="password"
              autocomplete="current-password"
              required
              aria-invalid={refused?.error instanceof Refusal && refused.error.status === 401}
            />
          </label>
          {refused ? <Reason refused={refused} /> : null}
          <button type="submit" class="primary" disabled={busy}>
            Sign in
          </button>
        </form>
      </section>
      <details>
        <summary>No password yet, or forgotten</summary>
        <div>
          <p>
            On the machine of the server, or wherever your API key is set up, this prints a link that signs in
            once:
          </p>
          <Snippet code="picloud dashboard" />
          <p>An administrator can make such a link for any account.</p>
        </div>
      </details>
    </main>
  );
}

/** Counts down while the server looks at no further try. */
function Reason({ refused }: { refused: Refused }) {
  const left = Math.ceil((refused.until - useSecond()) / 1000);
  if (!(refused.error instanceof Refusal) || refused.error.status !== 429) {
    return <ErrorNote error={refused.error} />;
  }
  return (
    <div class="error-note" role="alert">
      <p>Too many wrong passwords for this account.</p>
      <p class="small" aria-live="off">
        {left > 0
          ? `Try again in ${left < 90 ? `${left} s` : `${Math.ceil(left / 60)} min`}.`
          : "You can try again now."}
      </p>
    </div>
  );
}
