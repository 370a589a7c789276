import { expect, test } from "vitest";
import { cell, csv } from "./csv";

test("a name that begins like a formula is made a text", () => {
  for (const name of ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "|x", "%x"]) {
    expect(cell(name).replace(/^"/, "")[0]).toBe("'");
  }
});

test("a negative number stays a number", () => {
  expect(cell(-1.5)).toBe("-1.5");
});

test("quotes, commas and line ends are kept inside quotes", () => {
  expect(cell('a "b", c')).toBe('"a ""b"", c"');
  expect(cell("a\nb")).toBe('"a\nb"');
});

test("a formula behind a quote is one cell and a text", () => {
  expect(cell('=HYPERLINK("http://x")')).toBe('"\'=HYPERLINK(""http://x"")"');
});

test("lines end as the standard says", () => {
  expect(
    csv([
      ["a", 1],
      ["b", 2.5],
    ]),
  ).toBe("a,1\r\nb,2.5\r\n");
});
