import { expect, test } from "vitest";
import { isPassword, passwordNote } from "./password";

test("ten characters are enough and nine are not", () => {
  expect(isPassword("123456789")).toBe(false);
  expect(isPassword("1234567890")).toBe(true);
});

test("characters outside of the basic plane count once", () => {
  expect(isPassword("🦀".repeat(9))).toBe(false);
  expect(isPassword("🦀".repeat(10))).toBe(true);
});

test("more than two hundred are too many, and it is said", () => {
  expect(isPassword("x".repeat(200))).toBe(true);
  expect(isPassword("x".repeat(201))).toBe(false);
  expect(passwordNote("x".repeat(201))).toContain("at most 200");
});

test("while it is too short, what is missing is said", () => {
  expect(passwordNote("1234567")).toBe("7 of at least 10 characters, 3 more to go.");
});
