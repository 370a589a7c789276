// What costs are counted in. Asked for once, where there are any.
import { useEffect, useState } from "preact/hooks";
import { api, data } from "../../../api/http";

let known: string | undefined;

export function useCurrency(wanted: boolean): string {
  const [currency, setCurrency] = useState(known ?? "");
  useEffect(() => {
    if (!wanted || known !== undefined) return undefined;
    const stop = new AbortController();
    api.GET("/v1/usage", { params: { query: { from: today() } }, signal: stop.signal }).then(
      (answer) => {
        known = data(answer).currency;
        setCurrency(known);
      },
      // A number without its unit is still the number.
      () => undefined,
    );
    return () => stop.abort();
  }, [wanted]);
  return currency;
}

function today(): string {
  return new Date().toISOString().slice(0, 10);
}
