import { expect, it } from "vitest";
import type { MessageJson } from "../../api/types";
import samples from "../../pickle/samples.json";
import { messageText } from "./messageText";

function message(of: { [K in keyof MessageJson]?: unknown }): MessageJson {
  const base = { id: 1, datatype: "json", size_bytes: 10, cur_retry: 0, deliveries: 0, created: 0 };
  return { ...base, ...of } as MessageJson;
}

it("JSON is shown with its structure", () => {
  expect(messageText(message({ message: { a: [1, "<b>"] } }))).toBe('{\n  "a": [\n    1,\n    "<b>"\n  ]\n}');
  expect(messageText(message({ message: null }))).toBe("null");
  expect(messageText(message({ message: 0 }))).toBe("0");
});

it("pickles are shown as Python writes them", () => {
  const pickled = message({ datatype: "python_pickle", message: samples["containers/5"] });
  expect(messageText(pickled)).toContain("frozenset({4})");
  expect(messageText(message({ datatype: "python_pickle", message: "AAAA" }))).toContain("no pickle");
});

it("what is large is said to be so, and what is long is cut", () => {
  expect(messageText(message({ message: null, size_bytes: 9_000_000 }))).toBe(
    "It has 9.00 MB, too much to be shown.",
  );
  expect(messageText(message({ message: "x".repeat(50_000) })).length).toBe(20_001);
});
