import { expect, test } from "vitest";
import { Refusal } from "../../../api/refusal";
import { act, type BulkApi, find, PART } from "./bulk";
import { jidSet, parsedJidSet, sizeOf } from "./jidset";

/** A server with jobs of these statuses. */
function server(jobs: Map<number, string>): BulkApi & { requests: string[] } {
  const requests: string[] = [];
  const each = (text: string) => parsedJidSet(text).flatMap(({ first, last }) => spread(first, last));
  const known = (text: string) => {
    const asked = each(text);
    if (asked.some((jid) => !jobs.has(jid))) throw new Refusal(404, "no such job", undefined);
    return asked;
  };
  return {
    requests,
    statuses: async (text) => {
      requests.push(`statuses ${text}`);
      return known(text).map((jid) => ({ jids: `${jid}`, status: jobs.get(jid) ?? "" }));
    },
    list: async (before) => {
      requests.push(`list ${before}`);
      const below = [...jobs.keys()].filter((jid) => jid < before).sort((a, b) => b - a);
      const page = below.slice(0, 3).map((jid) => ({ jid, status: jobs.get(jid) ?? "" }));
      return { jobs: page, next: below.length > 3 ? (page.at(-1)?.jid ?? null) : null };
    },
    kill: async (text) => {
      requests.push(`kill ${text}`);
      return known(text).length;
    },
    remove: async (text) => {
      requests.push(`delete ${text}`);
      return known(text).length;
    },
  };
}

const spread = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);
const nobody = () => undefined;
const never = new AbortController().signal;

test("finished and unfinished jobs are told apart", async () => {
  const api = server(
    new Map([
      [1, "done"],
      [2, "processing"],
      [3, "waiting"],
      [4, "killed"],
    ]),
  );
  const found = await find(api, parsedJidSet("1-4"), nobody, never);
  expect(jidSet(found.unfinished)).toBe("2-3");
  expect(jidSet(found.finished)).toBe("1,4");
  expect(found.gone).toBe(0);
  expect(api.requests).toEqual(["statuses 1-4"]);
});

test("a map with holes is read from the list", async () => {
  const api = server(new Map([1, 2, 5, 6, 9, 11].map((jid) => [jid, "done"])));
  const found = await find(api, parsedJidSet("2-10"), nobody, never);
  expect(jidSet(found.finished)).toBe("2,5-6,9");
  expect(found.gone).toBe(5);
});

test("single jobs far apart are found without reading all between", async () => {
  const api = server(
    new Map([
      [10, "done"],
      [5_000, "queued"],
    ]),
  );
  const found = await find(api, parsedJidSet("10,400,5000"), nobody, never);
  expect(jidSet(found.finished)).toBe("10");
  expect(jidSet(found.unfinished)).toBe("5000");
  expect(found.gone).toBe(1);
  expect(api.requests.filter((request) => request.startsWith("list")).length).toBe(0);
});

test("other refusals are not taken for missing jobs", async () => {
  const api = server(new Map());
  api.statuses = async () => {
    throw new Refusal(503, "stopping", undefined);
  };
  await expect(find(api, parsedJidSet("1-3"), nobody, never)).rejects.toThrow("stopping");
});

test("more than a request may have goes in parts", async () => {
  const all = { first: 1, last: 2 * PART + 5 };
  const api = server(new Map(spread(all.first, all.last).map((jid) => [jid, "done"])));
  const heard: number[] = [];
  const outcome = await act(api, "delete", [all], (sent) => heard.push(sent));
  expect(outcome).toEqual({ done: sizeOf([all]), sent: sizeOf([all]), error: undefined });
  expect(heard).toEqual([PART, 2 * PART, 2 * PART + 5]);
});

test("a refusal in the middle says how far it came", async () => {
  const all = { first: 1, last: 2 * PART };
  const api = server(new Map(spread(1, PART).map((jid) => [jid, "queued"])));
  const outcome = await act(api, "kill", [all], nobody);
  expect(outcome.done).toBe(PART);
  expect(outcome.sent).toBe(PART);
  expect(outcome.error?.message).toBe("no such job");
});
