import { expect, test } from "vitest";
import { bodyOf, otherProblem, problem } from "./given";
import type { Parameter } from "./kinds";

const X: Parameter = { name: "x", required: true, schema: { type: "integer" } };
const TEXT: Parameter = { name: "text", required: false };
const IMAGE: Parameter = { name: "image", required: true, schema: { type: "string", format: "binary" } };

test("what is wrong is told before anything is sent", () => {
  expect(problem(X)).toBe("x is missing.");
  expect(problem(X, { text: "1" })).toBeUndefined();
  expect(problem(X, { text: '"1"' })).toBe("x takes a whole number.");
  expect(problem(X, { text: "one" })).toContain("is not JSON");
  expect(problem(TEXT)).toBeUndefined();
  expect(problem(IMAGE, { text: '"a"' })).toContain("as a file");
});

test("other arguments are an object that names nothing twice", () => {
  expect(otherProblem("", [X])).toBeUndefined();
  expect(otherProblem('{"y": 1}', [X])).toBeUndefined();
  expect(otherProblem("[1]", [X])).toContain("JSON object");
  expect(otherProblem('{"x": 1}', [X])).toBe("x has its own field.");
});

test("values are sent as they were typed, and those that were not given are not sent", () => {
  const given = new Map([["x", { text: "12345678901234567890" }]]);
  const body = bodyOf([X, TEXT], given, '{"more": [1]}');
  expect(body).toBeInstanceOf(URLSearchParams);
  expect([...body.entries()]).toEqual([
    ["x", "12345678901234567890"],
    ["more", "[1]"],
  ]);
});

test("with a file the body is a multipart form", () => {
  const file = new File(["abc"], "a.png");
  const body = bodyOf(
    [IMAGE, X],
    new Map([
      ["image", { text: "", file }],
      ["x", { text: "1" }],
    ]),
    "",
  );
  expect(body).toBeInstanceOf(FormData);
  expect([...body.keys()]).toEqual(["image", "x"]);
});
