// Whose session this is, for everything below.
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Session } from "../api/types";

export interface SignedIn {
  session: Session;
  /** The session is over: shows the way in. */
  leave: () => void;
  /** The session has changed, for example its password. */
  renew: (session: Session) => void;
}

export const SessionContext = createContext<SignedIn | undefined>(undefined);

export function useSession(): SignedIn {
  const found = useContext(SessionContext);
  if (!found) throw new Error("used outside of a session");
  return found;
}
