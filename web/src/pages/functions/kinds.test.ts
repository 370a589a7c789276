import { expect, test } from "vitest";
import { asFile, choices, takes, words } from "./kinds";

const INTEGERS = { type: "array", items: { type: "integer" } };
const BYTES = { type: "string", format: "binary" };

test("a value is checked against its hint", () => {
  expect(takes({ type: "integer" }, 1)).toBe(true);
  expect(takes({ type: "integer" }, 1.5)).toBe(false);
  expect(takes({ type: "integer" }, true)).toBe(false);
  expect(takes({ type: "number" }, 1.5)).toBe(true);
  expect(takes(INTEGERS, [1, 2])).toBe(true);
  expect(takes(INTEGERS, [1, "2"])).toBe(false);
  expect(takes({ enum: ["JPEG", "PNG"] }, "PNG")).toBe(true);
  expect(takes({ enum: ["JPEG", "PNG"] }, "GIF")).toBe(false);
  expect(takes({ anyOf: [{ type: "string" }, { type: "null" }] }, null)).toBe(true);
  expect(takes({ type: "object", additionalProperties: { type: "number" } }, { a: "b" })).toBe(false);
  expect(takes({ type: "object" }, [])).toBe(false);
});

test("without a hint, and with words that are not known, anything goes", () => {
  for (const schema of [undefined, null, {}, { type: "decimal" }, { minimum: 3 }])
    for (const value of [null, 1, "a", [], {}]) expect(takes(schema, value)).toBe(true);
});

test("bytes come as a file, and only as that where nothing else is taken", () => {
  expect(asFile(BYTES)).toBe("only");
  expect(takes(BYTES, "text")).toBe(false);
  expect(asFile({ anyOf: [BYTES, { type: "null" }] })).toBe("perhaps");
  expect(asFile(undefined)).toBe("perhaps");
  expect(asFile({ type: "string" })).toBe("never");
});

test("what is taken is told in words", () => {
  expect(words(INTEGERS)).toBe("a list, each of its items a whole number");
  expect(words({ anyOf: [{ type: "string" }, { type: "null" }] })).toBe("a text or null");
  expect(words({ enum: ["a", 1] })).toBe('"a" or 1');
  expect(words(BYTES)).toBe("a file");
  expect(words(undefined)).toBe("anything");
});

test("few values are there to choose from", () => {
  expect(choices({ enum: [1, 2] })).toEqual([1, 2]);
  expect(choices({ type: "boolean" })).toEqual([true, false]);
  expect(choices({ type: "integer" })).toBeUndefined();
});
