// All accounts, for administrators: who there is, new ones, and links that sign in once.
import { useState } from "preact/hooks";
import { api, data } from "../../api/http";
import type { KeySecret, LinkMade } from "../../api/types";
import { useLive } from "../../live/useLive";
import { Snippet } from "../../ui/Empty";
import { LiveNote } from "../../ui/LiveNote";
import { ErrorNote, sayError } from "../../ui/Notes";
import { Time } from "../../ui/Time";
import { visible } from "../../ui/text";
import { useEvery } from "../../ui/useEvery";
import { useArrival } from "./arrival";
import { Secret } from "./Secret";
import { Section } from "./Section";

const AGAIN_MS = 30_000;

/** What was made and is shown once. */
interface Made {
  name: string;
  key?: KeySecret;
  link?: LinkMade;
}

const makeLink = async (account: string) => data(await api.POST("/v1/session/links", { body: { account } }));

export function Accounts() {
  const [open, setOpen] = useState(false);
  const [made, setMade] = useState<Made>();
  const live = useLive(
    "accounts",
    [],
    async (signal) => data(await api.GET("/v1/accounts", { signal })).accounts,
  );
  useArrival("accounts", live.loading);
  useEvery(AGAIN_MS, live.refresh);

  const link = async (name: string) => {
    try {
      setMade({ name, link: await makeLink(name) });
    } catch (error) {
      sayError(error);
    }
  };

  return (
    <Section
      title="Accounts"
      about="Each has jobs, keys and storage of its own, which no other account sees."
      actions={
        open ? null : (
          <button type="button" onClick={() => setOpen(true)}>
            Create an account
          </button>
        )
      }
    >
      {open ? (
        <NewAccount
          onClose={() => setOpen(false)}
          onMade={(what) => {
            setMade(what);
            setOpen(false);
            live.refresh();
          }}
        />
      ) : null}
      {made ? <Shown made={made} /> : null}
      <LiveNote live={live} />
      <div class="accounts" aria-busy={live.loading}>
        {live.data ? (
          <table class="cards">
            <thead>
              <tr>
                <th scope="col">Account</th>
                <th scope="col">Kind</th>
                <th scope="col">Created</th>
                <th scope="col">
                  <span class="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {live.data.map((account) => (
                <tr key={account.account}>
                  <td>
                    <strong class="note">{visible(account.name)}</strong>
                  </td>
                  <td data-label="Kind">{account.admin ? "administrator" : "user"}</td>
                  <td data-label="Created">
                    <Time at={account.created} />
                  </td>
                  <td class="actions">
                    <button
                      type="button"
                      aria-label={`Make a sign-in link for ${visible(account.name)}`}
                      onClick={() => link(account.name)}
                    >
                      Sign-in link
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        ) : null}
      </div>
    </Section>
  );
}

function Shown({ made }: { made: Made }) {
  return (
    <div class="stack">
      {made.link ? (
        <div class="secret" role="status">
          <p>
            This address signs in as <strong class="note">{visible(made.name)}</strong>, once, until{" "}
            <Time at={made.link.expires} long />. Give it to nobody else.
          </p>
          <Snippet code={location.origin + made.link.path} />
        </div>
      ) : null}
      {made.key ? <Secret made={made.key} /> : null}
    </div>
  );
}

function NewAccount({ onClose, onMade }: { onClose: () => void; onMade: (made: Made) => void }) {
  const [name, setName] = useState("");
  const [admin, setAdmin] = useState(false);
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<Error>();
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    setRefused(undefined);
    try {
      const { account, key } = data(await api.POST("/v1/accounts", { body: { name, admin } }));
      const made = { name: account.name, key };
      // The account is there, and its key must be seen, whatever becomes of the link.
      const link = await makeLink(account.name).catch((error: unknown) => {
        sayError(error);
        return undefined;
      });
      onMade(link ? { ...made, link } : made);
    } catch (error) {
      setRefused(error as Error);
      setBusy(false);
    }
  };
  return (
    <form class="setting-form" onSubmit={submit}>
      <label class="field">
        <span>Name</span>
        <input
          value={name}
          required
          maxLength={64}
          pattern="[A-Za-z0-9_.@\-]+"
          title="Letters, digits, and any of - _ . @"
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
      <label class="check">
        <input type="checkbox" checked={admin} onChange={(event) => setAdmin(event.currentTarget.checked)} />
        Administrator: sees workers, makes accounts, reads the usage of all
      </label>
      {refused ? <ErrorNote error={refused} /> : null}
      <div class="row">
        <button type="submit" class="primary" disabled={busy}>
          Create it
        </button>
        <button type="button" onClick={onClose}>
          Cancel
        </button>
      </div>
    </form>
  );
}
