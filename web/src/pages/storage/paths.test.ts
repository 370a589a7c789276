import { expect, test } from "vitest";
import { crumbs, fileName, folderOf, nameIn, objectAddress } from "./paths";

test("a folder is reached step by step", () => {
  expect(crumbs("a/b/")).toEqual([
    { title: "a", prefix: "a/" },
    { title: "b", prefix: "a/b/" },
  ]);
  expect(crumbs("")).toEqual([]);
});

test("a folder in an address may lack its slash", () => {
  expect(folderOf("a/b")).toBe("a/b/");
  expect(folderOf("a/b/")).toBe("a/b/");
  expect(folderOf(null)).toBe("");
});

test("names are told within their folder", () => {
  expect(nameIn("a/", "a/b.txt")).toBe("b.txt");
  expect(nameIn("a/", "a/c/")).toBe("c/");
  expect(fileName("a/b.txt")).toBe("b.txt");
  expect(fileName("b.txt")).toBe("b.txt");
});

test("whatever is in a key stays within its address", () => {
  const address = objectAddress("a/100%25 & more?#.txt");
  expect(address).toBe("/v1/bucket/objects/a/100%2525%20%26%20more%3F%23.txt");
  const path = new URL(address, "http://host").pathname;
  expect(decodeURIComponent(path)).toBe("/v1/bucket/objects/a/100%25 & more?#.txt");
});
