import { expect, test } from "vitest";
import { chips, fromAddress, isFiltered, NO_FILTERS, toAddress, toLocalInput, toQuery } from "./filters";

const NOW = Date.UTC(2026, 10, 26, 18, 0);

test("an address without a query asks for everything", () => {
  expect(fromAddress("")).toEqual(NO_FILTERS);
  expect(toAddress(NO_FILTERS)).toBe("");
  expect(toQuery(NO_FILTERS, NOW)).toEqual({});
  expect(isFiltered(NO_FILTERS)).toBe(false);
});

test("what an address says comes back as it was", () => {
  const address =
    "?status=queued,error&text=no+space&function=train&label=a%26b%25&queue=in&core_type=c2&parent=7&map=1201&before=9&from=2026-11-26T17:00Z&until=2026-11-26T17:30:05.120Z&grouped=yes";
  expect(toAddress(fromAddress(address))).toBe(address);
});

test("statuses are in their own order, once, and only those there are", () => {
  expect(fromAddress("?status=error,nonsense,queued,error").status).toEqual(["queued", "error"]);
});

test("what makes no sense in an address is left out", () => {
  const address = "?parent=-1&map=x&before=0&since=constructor&from=yesterday&grouped=1";
  expect(fromAddress(address)).toEqual(NO_FILTERS);
});

test("a span of time counts back from now and wins over moments", () => {
  const filters = fromAddress("?since=1h&until=2020-01-01T00:00Z");
  expect(toQuery(filters, NOW)).toEqual({ created_from: NOW - 3_600_000 });
});

test("a text of blanks is no text", () => {
  expect(toQuery(fromAddress("?text=+++"), NOW)).toEqual({});
});

test("jobs of one map are not put together", () => {
  expect(toQuery(fromAddress("?map=5&grouped=yes"), NOW)).toEqual({ map: 5 });
});

test("putting maps together is no filter", () => {
  expect(isFiltered(fromAddress("?grouped=yes"))).toBe(false);
  expect(isFiltered(fromAddress("?grouped=yes&status=done"))).toBe(true);
});

test("a chip takes away its own filter and no other", () => {
  const filters = fromAddress("?function=train&label=x&status=done");
  const [first, second] = chips(filters, String);
  expect(first).toMatchObject({ name: "function", value: "train" });
  expect(toAddress(first?.without ?? NO_FILTERS)).toBe("?status=done&label=x");
  expect(toAddress(second?.without ?? NO_FILTERS)).toBe("?status=done&function=train");
});

test("local moments of an input are minutes", () => {
  expect(toLocalInput(undefined)).toBe("");
  expect(toLocalInput(NOW)).toMatch(/^2026-11-2[67]T\d\d:\d\d$/);
});
