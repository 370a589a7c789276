// Lists of unknown lengths arrive one by one. They are shown together, so that none pushes another down.
import { createContext } from "preact";
import { useContext, useEffect } from "preact/hooks";

export const Arrival = createContext<(name: string) => void>(() => undefined);

/** Tells the page that a part of it has its first answer, or an error instead. */
export function useArrival(name: string, loading: boolean): void {
  const tell = useContext(Arrival);
  useEffect(() => {
    if (!loading) tell(name);
  }, [tell, name, loading]);
}
