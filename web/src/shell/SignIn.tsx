import type { Session } from "../api/types";

export function SignIn(_: { onEnter: (session: Session) => void }) {
  return null;
}
