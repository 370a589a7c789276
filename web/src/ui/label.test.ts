import { expect, test } from "vitest";
import { labelIn } from "./label";

test("a label is what stands behind the page, decoded once", () => {
  expect(labelIn("/crons", "/crons")).toBeUndefined();
  expect(labelIn("/crons/", "/crons")).toBeUndefined();
  expect(labelIn("/crons/a%2Fb%2525", "/crons")).toBe("a/b%25");
  expect(labelIn("/crons/100%", "/crons")).toBe("100%");
});
