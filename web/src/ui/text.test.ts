import { expect, test } from "vitest";
import { shortened, visible } from "./text";

test("control characters are shown by their signs", () => {
  expect(visible("a\u001b[31mb\u0000\u007f")).toBe("a␛[31mb␀␡");
});

test("characters that turn the direction of a text are shown as unknown ones", () => {
  expect(visible("\u202egnp.exe")).toBe("\ufffdgnp.exe");
  expect(visible("\u2066x\u200f")).toBe("\ufffdx\ufffd");
});

test("tabs, newlines, letters of any script and markup stay as they are", () => {
  const text = "<b>ä\t日本\nعربي</b>";
  expect(visible(text)).toBe(text);
});

test("a text that is cut says so", () => {
  expect(shortened("abcdef", 6)).toBe("abcdef");
  expect(shortened("abcdefg", 6)).toBe("abcde…");
});
