import { describe, expect, it } from "vitest";
import type { QueueInfo } from "../../api/types";
import { drawable, type Link, links, pathOf, picture, type Shape, shortClass } from "./graph";
import { limiting } from "./limiting";
import { rateLines } from "./rates";

const PIPELINE: Link[] = [
  { queue: "urls", outputs: ["pages"], errors: [{ exception: "Exception", queue: "failed" }] },
  { queue: "pages", outputs: ["words", "images"], errors: [{ exception: "ValueError", queue: "failed" }] },
  { queue: "words", outputs: [], errors: [] },
];

function overlap(a: Shape, b: Shape): boolean {
  return Math.abs(a.x - b.x) * 2 < a.width + b.width && Math.abs(a.y - b.y) * 2 < a.height + b.height;
}

function queue(name: string, of: Partial<QueueInfo>, jobs?: [number, number]): QueueInfo {
  const attachment = jobs && { jobs: jobs[0], max_parallel_jobs: jobs[1], settings: {} };
  return {
    name,
    count: 0,
    in_flight: 0,
    delayed: 0,
    paused: false,
    enqueued_per_s: 0,
    dequeued_per_s: 0,
    created: 0,
    retention_s: 60,
    attachment: (attachment ?? null) as NonNullable<QueueInfo["attachment"]> | null,
    ...of,
  };
}

describe("the picture of a pipeline", () => {
  const found = picture(PIPELINE, false);

  it("has a rectangle for each queue, once, and a circle for each handler", () => {
    expect(found.shapes.map((shape) => shape.id).sort()).toEqual([
      "handler pages",
      "handler urls",
      "handler words",
      "queue failed",
      "queue images",
      "queue pages",
      "queue urls",
      "queue words",
    ]);
  });

  it("has arrows into handlers, to outputs and to queues of errors", () => {
    const kinds = found.arrows.map((arrow) => arrow.kind).sort();
    expect(kinds).toEqual(["error", "error", "input", "input", "input", "output", "output", "output"]);
    expect(found.arrows.find((arrow) => arrow.exception === "ValueError")?.queue).toBe("failed");
  });

  it.each([false, true])("has nothing one upon the other, tall: %s", (isTall) => {
    const { shapes, width, height } = picture(PIPELINE, isTall);
    for (const [at, shape] of shapes.entries()) {
      for (const other of shapes.slice(at + 1)) expect(overlap(shape, other)).toBe(false);
      expect(shape.x + shape.width / 2).toBeLessThanOrEqual(width);
      expect(shape.y + shape.height / 2).toBeLessThanOrEqual(height);
    }
  });

  it("flows to the right, or down where there is little width", () => {
    const at = (isTall: boolean, id: string) =>
      picture(PIPELINE, isTall).shapes.find((shape) => shape.id === id);
    expect(at(false, "queue pages")?.x).toBeGreaterThan(at(false, "queue urls")?.x ?? 0);
    expect(at(true, "queue pages")?.y).toBeGreaterThan(at(true, "queue urls")?.y ?? 0);
    expect(picture(PIPELINE, true).width).toBeLessThan(found.width);
  });

  it("may have circles, and errors that go back to their queue", () => {
    const circle: Link[] = [
      { queue: "a", outputs: ["b"], errors: [{ exception: "E", queue: "a" }] },
      {
        queue: "b",
        outputs: ["a", "b"],
        errors: [
          { exception: "E", queue: "a" },
          { exception: "F", queue: "a" },
        ],
      },
    ];
    expect(picture(circle, false).arrows.length).toBe(8);
  });

  it("is empty without attachments, and a hundred of them take no time to speak of", () => {
    expect(picture([], false)).toEqual({ shapes: [], arrows: [], width: 0, height: 0 });
    const long = Array.from({ length: 100 }, (_, at) => ({
      queue: `q${at}`,
      outputs: [`q${at + 1}`],
      errors: [],
    }));
    const began = performance.now();
    expect(picture(long, false).shapes.length).toBe(201);
    expect(performance.now() - began).toBeLessThan(3_000);
  });

  it("of very many attachments has those nearest to the chosen queue", () => {
    const long = Array.from({ length: 500 }, (_, at) => ({
      queue: `q${at}`,
      outputs: [`q${at + 1}`],
      errors: [],
    }));
    const near = drawable(long, "q100", 5).map((link) => link.queue);
    expect(near.length).toBe(5);
    expect(near).toContain("q99");
    expect(near).toContain("q100");
    expect(near.every((name) => Math.abs(Number(name.slice(1)) - 100) <= 5)).toBe(true);
    expect(drawable(long, undefined)).toEqual([]);
    expect(drawable(PIPELINE, undefined)).toBe(PIPELINE);
  });

  it("does not depend on counts", () => {
    const one = [queue("a", { count: 1 }, [1, 1]), queue("b", {})];
    const two = [queue("a", { count: 9 }, [0, 1]), queue("b", { count: 3 })];
    expect(links(one)).toEqual(links(two));
    expect(links(one)).toEqual([{ queue: "a", outputs: [], errors: [] }]);
  });

  it("has arrows with round corners, and short names of exceptions", () => {
    expect(
      pathOf([
        { x: 0, y: 0 },
        { x: 10, y: 0 },
        { x: 10, y: 10.04 },
      ]),
    ).toBe("M0 0Q10 0 10 5L10 10");
    expect(pathOf([])).toBe("");
    expect(shortClass("urllib.error.HTTPError")).toBe("HTTPError");
    expect(shortClass("ValueError")).toBe("ValueError");
  });
});

describe("the stage that limits a pipeline", () => {
  const busy = { count: 1_000, in_flight: 10, enqueued_per_s: 40, dequeued_per_s: 20 };

  it("is the one whose backlog grows while its jobs are as many as they may be", () => {
    const found = limiting([
      queue("fast", { ...busy, dequeued_per_s: 41, count: 30 }, [2, 4]),
      queue("slow", busy, [4, 4]),
      queue("sink", { count: 9_000, enqueued_per_s: 20 }),
    ]);
    expect(found?.queue).toBe("slow");
    expect(found?.because).toBe("All of its 4 jobs are busy, and its backlog grows by 20 a second.");
  });

  it("is the one that grows fastest of several", () => {
    expect(
      limiting([queue("a", { ...busy, dequeued_per_s: 30 }, [1, 1]), queue("b", busy, [1, 1])])?.queue,
    ).toBe("b");
  });

  it("is the one that takes longest to drain where none grows", () => {
    const level = { ...busy, enqueued_per_s: 0 };
    const found = limiting([
      queue("a", { ...level, time_to_drain_s: 50 }, [1, 1]),
      queue("b", { ...level, time_to_drain_s: 500 }, [1, 1]),
    ]);
    expect(found).toEqual({
      queue: "b",
      because: "Its one job is busy, and its backlog takes 8 min 20 s to drain.",
    });
  });

  it("is none that could have more jobs, is paused, or has next to nothing to do", () => {
    expect(limiting([queue("a", busy, [3, 4])])).toBeUndefined();
    expect(limiting([queue("a", { ...busy, paused: true }, [4, 4])])).toBeUndefined();
    expect(limiting([queue("a", { ...busy, count: 15 }, [4, 4])])).toBeUndefined();
    expect(limiting([queue("a", busy, [0, 0])])).toBeUndefined();
    expect(
      limiting([queue("a", { ...busy, enqueued_per_s: 1, time_to_drain_s: 3 }, [1, 1])]),
    ).toBeUndefined();
    expect(limiting([])).toBeUndefined();
  });

  it("may be one that stands still", () => {
    const found = limiting([queue("a", { ...busy, enqueued_per_s: 0, dequeued_per_s: 0 }, [1, 1])]);
    expect(found?.because).toContain("does not get smaller");
  });
});

describe("rates over time", () => {
  const window = { version: 0, enqueued: 0, dequeued: 0, retried: 0, failed: 0, handled_us: 0 };

  it("have windows without events as zeros, and versions as one line", () => {
    const rates = {
      window_s: 10,
      windows: [
        { ...window, start: 20_000, enqueued: 50 },
        { ...window, start: 20_000, version: 2, dequeued: 10 },
        { ...window, start: 20_000, version: 3, dequeued: 20, failed: 5 },
      ],
    };
    expect(rateLines(rates, 0, 45_000)).toEqual({
      x: [0, 10, 20, 30],
      enqueued: [0, 0, 5, 0],
      dequeued: [0, 0, 3, 0],
      failed: [0, 0, 0.5, 0],
    });
  });

  it("leave out the window under way, and those before the beginning", () => {
    const rates = {
      window_s: 10,
      windows: [
        { ...window, start: 0, enqueued: 9 },
        { ...window, start: 40_000, enqueued: 9 },
      ],
    };
    expect(rateLines(rates, 5_000, 45_000).enqueued).toEqual([0, 0, 0]);
  });
});
