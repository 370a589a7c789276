// The time until a tick, counting down.
import { useSecond } from "../../ui/Time";
import { ahead } from "./words";

export function Until({ at }: { at: number }) {
  return <>{ahead(at - useSecond())}</>;
}
