import { expect, test } from "vitest";
import type { UsageReply } from "../../api/types";
import { groupsOf, lines, measured, nameOf } from "./rows";

const row = { jobs: 2, core_ms: 7_200_000, cpu_us: 3_600_000_000, cost: 0.1, label: "", day: "2026-11-26" };

test("times are told in hours", () => {
  expect(measured(row, "core")).toBe(2);
  expect(measured(row, "cpu")).toBe(1);
});

test("groups are in their own order, unknown ones left out", () => {
  expect(groupsOf("label,x,day", false)).toEqual(["day", "label"]);
  expect(groupsOf("account,day", false)).toEqual(["day"]);
  expect(groupsOf("account,day", true)).toEqual(["day", "account"]);
  expect(groupsOf(null, false)).toEqual(["day"]);
});

test("jobs without a label have a row with words", () => {
  expect(nameOf(row, "label")).toEqual({ text: "no label", nothing: true });
  expect(nameOf({ ...row, label: "no label" }, "label").nothing).toBe(false);
});

test("the file has the currency in its heading and every row below", () => {
  const reply: UsageReply = { currency: "EUR", from: "", to: "", rows: [row], total: row };
  expect(lines(reply, ["day", "label"])).toEqual([
    ["day", "label", "jobs", "core_hours", "processor_hours", "cost_EUR"],
    ["2026-11-26", "", 2, 2, 1, 0.1],
  ]);
});
