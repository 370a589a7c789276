// Who may call a function, and how often.
import { useId, useState } from "preact/hooks";
import { Confirm } from "../../ui/Dialog";
import { Snippet } from "../../ui/Empty";
import { say, sayError } from "../../ui/Notes";
import { ACCESSES, type Access, change, type PublishedInfo } from "./api";

/** As many as the API can say. */
const MOST = 4_294_967_295;

export function AccessForm({ found, onChanged }: { found: PublishedInfo; onChanged: () => void }) {
  const { label } = found;
  const [access, setAccess] = useState<Access>(found.access);
  const [limit, setLimit] = useState(String(found.calls_per_minute));
  const [token, setToken] = useState<string | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const [renewing, setRenewing] = useState(false);
  const id = useId();
  const wanted = /^\d{1,10}$/.test(limit.trim()) && Number(limit) <= MOST ? Number(limit) : undefined;
  const isSame = access === found.access && wanted === found.calls_per_minute;

  const save = async (event: Event) => {
    event.preventDefault();
    if (wanted === undefined || busy) return;
    setBusy(true);
    try {
      const now = await change(label, { access, calls_per_minute: wanted });
      setToken(now.token ?? undefined);
      say(`Saved who may call ${label}`);
      onChanged();
    } catch (error) {
      sayError(error);
    } finally {
      setBusy(false);
    }
  };
  const renew = async () => {
    const now = await change(label, { new_token: true });
    setToken(now.token ?? undefined);
    onChanged();
  };
  return (
    <form class="panel padded stack" onSubmit={save}>
      <fieldset class="access-choices">
        <legend>Who may call it</legend>
        {ACCESSES.map((one) => (
          <label key={one.access} class="check">
            <input
              type="radio"
              name={`${id}-access`}
              checked={access === one.access}
              onChange={() => setAccess(one.access)}
            />
            <span>
              {one.title}
              <span class="small soft access-means">{one.means}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <div class="field">
        <label class="small soft" for={`${id}-limit`}>
          Most calls a minute of those who are not of your account; 0 for no limit
        </label>
        <input
          id={`${id}-limit`}
          class="short-number"
          type="number"
          min="0"
          max={MOST}
          step="1"
          inputMode="numeric"
          required
          value={limit}
          aria-describedby={`${id}-note`}
          onInput={(event) => setLimit(event.currentTarget.value)}
        />
        <p class="small access-note" id={`${id}-note`}>
          {access === "public" && wanted === 0
            ? "Without a limit, strangers decide how many jobs you pay for."
            : "Beyond it they are refused with status 429."}
        </p>
      </div>
      <div class="row">
        <button type="submit" class="primary" disabled={busy || isSame || wanted === undefined}>
          Save
        </button>
        {found.access === "token" ? (
          <button type="button" onClick={() => setRenewing(true)}>
            New token
          </button>
        ) : null}
      </div>
      {token ? (
        <div class="stack" role="status">
          <p>
            <strong>This is the only time that the token is shown.</strong> Callers send it as{" "}
            <code>Authorization: Bearer TOKEN</code>.
          </p>
          <Snippet code={token} />
        </div>
      ) : null}
      {renewing ? (
        <Confirm
          title={`Make another token for ${label}?`}
          verb="Make it"
          act={renew}
          onClose={() => setRenewing(false)}
        >
          The old token is worth nothing from then on.
        </Confirm>
      ) : null}
    </form>
  );
}
