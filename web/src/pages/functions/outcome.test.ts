import { expect, test } from "vitest";
import { asText, laidOut, pictureType, read } from "./outcome";

test("a result is what stands between its name and the job", () => {
  expect(read(200, '{"result": {"jid": 1, "a": [1]}, "jid": 7}')).toEqual({
    kind: "result",
    text: '{\n  "jid": 1,\n  "a": [\n    1\n  ]\n}',
    jid: 7,
  });
  expect(read(200, '{"result":null,"jid":7}')).toMatchObject({ kind: "result", text: "null" });
});

test("large numbers are shown digit by digit", () => {
  expect(laidOut("[12345678901234567890]")).toBe("[12345678901234567890]");
  expect(laidOut("[1,2]")).toBe("[\n  1,\n  2\n]");
});

test("a job without its result is no result", () => {
  expect(read(200, '{"jid": 7, "result_uri": "https://x"}')).toEqual({ kind: "job", jid: 7, waited: false });
  expect(read(202, '{"jid": 7, "result_uri": "https://x"}')).toEqual({ kind: "job", jid: 7, waited: true });
});

test("a job that failed is told apart from a call that was refused", () => {
  expect(read(422, '{"error": {"msg": "ValueError: no"}, "jid": 7}')).toEqual({
    kind: "failed",
    message: "ValueError: no",
    jid: 7,
  });
  expect(read(400, '{"error": {"msg": "f: x is missing", "hint": "call it as f(x)"}}')).toEqual({
    kind: "refused",
    message: "f: x is missing",
    hint: "call it as f(x)",
  });
  expect(read(502, "<h1>Bad gateway</h1>")).toMatchObject({
    kind: "refused",
    message: "the server answered 502",
  });
});

test("pictures and texts are known by their bytes", () => {
  expect(pictureType(new Uint8Array([0x89, 0x50, 0x4e, 0x47, 1]))).toBe("image/png");
  expect(pictureType(new TextEncoder().encode("<svg/>"))).toBeUndefined();
  expect(asText(new TextEncoder().encode("grün"))).toBe("grün");
  expect(asText(new Uint8Array([0xff, 0xfe]))).toBeUndefined();
  expect(asText(new Uint8Array([65, 0]))).toBeUndefined();
});
