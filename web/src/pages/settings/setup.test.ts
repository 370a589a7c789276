import { expect, test } from "vitest";
import { quoted, setupLine } from "./setup";

test("the line is the one the manual has", () => {
  expect(setupLine("https://pi.example:7878", 3, "abc-_D")).toBe(
    "PICLOUD_API_SECRETKEY=abc-_D picloud setup --server https://pi.example:7878 --api-key 3",
  );
});

test("whatever a shell would understand is quoted", () => {
  expect(quoted("a b")).toBe("'a b'");
  expect(quoted("$(x)'y")).toBe("'$(x)'\\''y'");
});
