import type { Session } from "../api/types";

export function Welcome(_: { onEnter: (session: Session) => void }) {
  return null;
}
