// Requests to the API. Types come from its document; every refusal becomes one `Refusal`.
import createClient, { type Middleware } from "openapi-fetch";
import { Refusal } from "./refusal";
import type { paths } from "./schema";

export { Refusal };

let csrfToken = "";
let onSignedOut: () => void = () => undefined;

/** The token that goes along with every request that changes something. */
export function useToken(token: string): void {
  csrfToken = token;
}

/** The header that every request that changes something carries. */
export function tokenHeader(): [string, string] {
  return ["X-CSRF-Token", csrfToken];
}

/** What to do when the server says that the session is over. */
export function whenSignedOut(act: () => void): void {
  onSignedOut = act;
}

/** Asking who one is and signing in are refused without a session; that is no news. */
const WAYS_IN: ReadonlySet<string> = new Set(["/v1/session", "/v1/session/link", "/v1/session/link/look"]);

const guard: Middleware = {
  onRequest({ request }) {
    if (request.method !== "GET") request.headers.set(...tokenHeader());
    return request;
  },
  async onResponse({ response, schemaPath }) {
    if (response.ok) return undefined;
    if (response.status === 401 && !WAYS_IN.has(schemaPath)) onSignedOut();
    throw await refusal(response);
  },
  onError({ error }) {
    if (error instanceof Refusal || (error instanceof DOMException && error.name === "AbortError"))
      return undefined;
    return new Refusal(0, "the server cannot be reached", "the page goes on by itself when it is back");
  },
};

/** What a response that is not OK says. */
export async function refusal(response: Response): Promise<Refusal> {
  let message = `the server answered ${response.status}`;
  let hint: string | undefined;
  try {
    const body: unknown = await response.json();
    const error = (body as { error?: { msg?: unknown; hint?: unknown } }).error;
    if (typeof error?.msg === "string") message = error.msg;
    if (typeof error?.hint === "string") hint = error.hint;
  } catch {
    // A proxy may have answered in its own words; the status has to do.
  }
  const wait = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  return Number.isNaN(wait)
    ? new Refusal(response.status, message, hint)
    : new Refusal(response.status, message, hint, wait);
}

/** The API: `api.GET("/v1/jobs", { params: { query: … } })`. Answers are checked by their types; refusals are thrown. */
export const api = createClient<paths>({ baseUrl: location.origin, credentials: "same-origin" });
api.use(guard);

/** The data of an answer that is known to have some. */
export function data<T>(answer: { data?: T }): Exclude<T, undefined> {
  if (answer.data === undefined) throw new Refusal(0, "the server sent an empty answer", undefined);
  return answer.data as Exclude<T, undefined>;
}

/** Any other path of the API, for answers that are not JSON. */
export async function raw(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (init.method && init.method !== "GET") headers.set(...tokenHeader());
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers, credentials: "same-origin" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refusal(0, "the server cannot be reached", "the page goes on by itself when it is back");
  }
  if (response.ok) return response;
  if (response.status === 401) onSignedOut();
  throw await refusal(response);
}
