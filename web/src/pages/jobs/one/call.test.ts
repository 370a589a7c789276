import { describe, expect, it } from "vitest";
import samples from "../../../pickle/samples.json";
import { bounded, callOf, resultIn } from "./call";

function frames(...parts: Uint8Array[]): Uint8Array {
  const whole: number[] = [];
  for (const part of parts) {
    const head = new Uint8Array(4);
    new DataView(head.buffer).setUint32(0, part.length);
    whole.push(...head, ...part);
  }
  return Uint8Array.from(whole);
}

function result(failure: string, payload: number[]): Uint8Array {
  const text = new TextEncoder().encode(failure);
  const head = new Uint8Array(13);
  const view = new DataView(head.buffer);
  view.setBigInt64(0, 7n);
  view.setUint8(8, 4);
  view.setUint32(9, text.length);
  return Uint8Array.from([...head, ...text, ...payload]);
}

const HEADER = new TextEncoder().encode('{"count":1}');

describe("a framed result", () => {
  it("has its bytes with it when they are few", () => {
    expect(resultIn(frames(HEADER, result("", [0, 0x4e, 0x2e])))).toEqual({
      inline: Uint8Array.of(0x4e, 0x2e),
    });
    expect(resultIn(frames(HEADER, result('{"x":1}', [0, 0x2e])))).toEqual({ inline: Uint8Array.of(0x2e) });
  });

  it("says where they are when they are many", () => {
    const size = [0, 0, 0, 0, 0, 0, 1, 0];
    expect(resultIn(frames(HEADER, result("", [1, ...new Array(32).fill(171), ...size])))).toEqual({
      hash: "ab".repeat(32),
      size: 256,
    });
  });

  it("that is cut or of another kind is none", () => {
    const whole = frames(HEADER, result("", [0, 0x2e]));
    for (let end = 0; end < whole.length - 1; end += 1)
      expect(resultIn(whole.subarray(0, end))).toBeUndefined();
    expect(resultIn(frames(HEADER, result("", [9, 1, 2])))).toBeUndefined();
  });
});

it("a body that is too long is given up", async () => {
  expect((await bounded(new Response("x".repeat(10)), 10))?.length).toBe(10);
  expect(await bounded(new Response("x".repeat(11)), 10)).toBeUndefined();
});

it("a call is shown with the name of its function", () => {
  const call = callOf(samples["cloudpickle function"], samples["cloudpickle call"], "scale");
  expect(call.function).toBe("def outer.scale(a, b=2, /, c=3, *rest, factor, **extra)");
  expect(call.call).toBe("outer.scale(1, 'two', numpy.ndarray(shape=(3,), dtype='f8'), factor=2.0)");
  expect(callOf("", null, "f")).toEqual({
    sketch: undefined,
    function: "There is nothing in it.",
    call: "There is nothing in it.",
  });
});
