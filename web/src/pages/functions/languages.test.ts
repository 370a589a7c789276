import { expect, test } from "vitest";
import { type Callable, curl, javascript, python, pythonCloud, pythonPlain } from "./languages";

const ADD: Callable = {
  label: "addition",
  uri: "https://cloud.example.org/r/1/addition/",
  access: "account",
  output: "json",
  parameters: [
    { name: "x", required: true },
    { name: "greeting", required: true, schema: { type: "string" }, default: "it's" },
    { name: "y", required: false, default: 1 },
  ],
};
const THUMBNAIL: Callable = {
  ...ADD,
  label: "thumbnail",
  access: "token",
  output: "raw",
  parameters: [
    { name: "image", required: true, schema: { type: "string", format: "binary" } },
    { name: "form", required: true, schema: { enum: ["JPEG", "PNG"] } },
  ],
};

test("curl gets the address, a key and values that the shell leaves alone", () => {
  expect(curl(ADD)).toBe(
    `curl -u "$KEY" 'https://cloud.example.org/r/1/addition/?wait=10' \\\n  -d x=1 \\\n  -d 'greeting="it'\\''s"'`,
  );
});

test("files go by form, and texts beside them as they are", () => {
  expect(curl(THUMBNAIL).split(" \\\n  ").slice(1)).toEqual([
    "-F image=@FILE",
    `--form-string 'form="JPEG"'`,
    "-o RESULT",
  ]);
});

test("who needs no key gives none", () => {
  for (const snippet of [curl, pythonPlain, javascript]) {
    expect(snippet({ ...ADD, access: "public" })).not.toMatch(/KEY|TOKEN|Authorization|auth=/);
    expect(snippet({ ...ADD, access: "token" })).toContain("TOKEN");
  }
});

test("a function without parameters is still called", () => {
  const none = { ...ADD, parameters: [] };
  expect(curl(none)).toContain("-X POST");
  expect(pythonCloud(none)).toContain('invoke("addition")');
});

test("what Python cannot take as a keyword is passed by its name", () => {
  const odd = { ...ADD, parameters: [{ name: "class", required: true }] };
  expect(pythonCloud(odd)).toContain('invoke("addition", **{"class": 1})');
});

test("values are written as Python writes them", () => {
  expect(python({ a: [null, true, 1.5, "x"] })).toBe('{"a": [None, True, 1.5, "x"]}');
});

test("what is written for JavaScript is JavaScript", () => {
  const AsyncFunction = Object.getPrototypeOf(async () => undefined).constructor;
  for (const of of [ADD, THUMBNAIL, { ...ADD, parameters: [] }])
    expect(() => new AsyncFunction(javascript(of))).not.toThrow();
});
