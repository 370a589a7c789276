import { expect, test } from "vitest";
import { jidSet, mergedRanges, parsedJidSet, parts, sizeOf } from "./jidset";

const one = (jid: number) => ({ first: jid, last: jid });

test("neighbours and overlaps become one range", () => {
  const ranges = mergedRanges([one(7), { first: 1, last: 3 }, one(4), { first: 2, last: 3 }]);
  expect(jidSet(ranges)).toBe("1-4,7");
  expect(sizeOf(ranges)).toBe(5);
});

test("what is written can be read", () => {
  expect(jidSet(parsedJidSet("1-4,7,9-10"))).toBe("1-4,7,9-10");
  expect(parsedJidSet("")).toEqual([]);
});

test("parts have no more ids than allowed and together all of them", () => {
  const ranges = parsedJidSet("1-25,30,40-44");
  const cut = parts(ranges, 10);
  expect(cut.map(jidSet)).toEqual(["1-10", "11-20", "21-25,30,40-43", "44"]);
  expect(jidSet(mergedRanges(cut.flat()))).toBe("1-25,30,40-44");
});

test("a part of exactly the size allowed is one part", () => {
  expect(parts(parsedJidSet("1-10"), 10).map(jidSet)).toEqual(["1-10"]);
  expect(parts([], 10)).toEqual([]);
});
