// What went wrong with data that keeps itself current.
import { Refusal } from "../api/http";
import type { Live } from "../live/useLive";
import { ErrorNote } from "./Notes";

/**
 * The error, if there is one to be told. That the server cannot be reached is said by the frame already; what is
 * shown stays where it is meanwhile.
 */
export function LiveNote({ live }: { live: Live<unknown> }) {
  if (!live.error) return null;
  if (live.data !== undefined && live.error instanceof Refusal && live.error.status === 0) return null;
  return <ErrorNote error={live.error} />;
}
