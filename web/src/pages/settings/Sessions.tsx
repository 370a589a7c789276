// Where the account is signed in, and how to end that.
import { useState } from "preact/hooks";
import { api, data, Refusal } from "../../api/http";
import type { SessionRow } from "../../api/types";
import { useLive } from "../../live/useLive";
import { useSession } from "../../shell/session";
import { Confirm } from "../../ui/Dialog";
import { LiveNote } from "../../ui/LiveNote";
import { say, sayError } from "../../ui/Notes";
import { Time } from "../../ui/Time";
import { shortened, visible } from "../../ui/text";
import { useEvery } from "../../ui/useEvery";
import { useArrival } from "./arrival";
import { device } from "./device";
import { Section } from "./Section";

const AGAIN_MS = 30_000;

export function Sessions() {
  const { leave } = useSession();
  const [ending, setEnding] = useState<SessionRow>();
  const [everywhere, setEverywhere] = useState(false);
  const live = useLive(
    "sessions",
    [],
    async (signal) => data(await api.GET("/v1/sessions", { signal })).sessions,
  );
  useArrival("sessions", live.loading);
  useEvery(AGAIN_MS, live.refresh);

  const signOut = async () => {
    try {
      await api.DELETE("/v1/session");
      leave();
    } catch (error) {
      // It may have been ended from elsewhere meanwhile, which is just as well.
      if (error instanceof Refusal && error.status === 401) leave();
      else sayError(error);
    }
  };

  return (
    <Section
      title="Sessions"
      about="Browsers that are signed in to this account."
      actions={
        <>
          <button type="button" onClick={signOut}>
            Sign out
          </button>
          <button type="button" class="danger" onClick={() => setEverywhere(true)}>
            Sign out everywhere
          </button>
        </>
      }
    >
      <LiveNote live={live} />
      <div class="sessions" aria-busy={live.loading}>
        {live.data ? (
          <table class="cards">
            <thead>
              <tr>
                <th scope="col">Browser</th>
                <th scope="col">Last used</th>
                <th scope="col">Signed in</th>
                <th scope="col">Ends</th>
                <th scope="col">
                  <span class="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {live.data.map((row) => (
                <tr key={row.id}>
                  <td>
                    <span title={visible(shortened(row.user_agent, 300))}>{device(row.user_agent)}</span>
                    {row.current ? <strong class="this-one">this one</strong> : null}
                  </td>
                  <td data-label="Last used">
                    <Time at={row.used} />
                  </td>
                  <td data-label="Signed in">
                    <Time at={row.created} />
                  </td>
                  <td data-label="Ends">
                    <Time at={row.expires} />
                  </td>
                  <td class="actions">
                    {row.current ? null : (
                      <button
                        type="button"
                        aria-label={`End the session of ${device(row.user_agent)}`}
                        onClick={() => setEnding(row)}
                      >
                        End
                      </button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        ) : null}
      </div>
      {ending ? (
        <Confirm
          title="End this session"
          verb="End it"
          onClose={() => setEnding(undefined)}
          act={async () => {
            await api.DELETE("/v1/sessions/{session}", { params: { path: { session: ending.id } } });
            say("The session has ended.");
            live.refresh();
          }}
        >
          {device(ending.user_agent)} will have to sign in again.
        </Confirm>
      ) : null}
      {everywhere ? (
        <Confirm
          title="Sign out everywhere"
          verb="Sign out everywhere"
          onClose={() => setEverywhere(false)}
          act={async () => {
            await api.DELETE("/v1/sessions");
            leave();
          }}
        >
          All sessions of this account end, this one included. API keys go on working.
        </Confirm>
      ) : null}
    </Section>
  );
}
