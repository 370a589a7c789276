import { describe, expect, it } from "vitest";
import { EventParser } from "./eventStream";
import { columns, SeriesSoFar } from "./figures";

describe("samples as columns", () => {
  it("processor time becomes cores, per second between two samples", () => {
    const found = columns([
      { second: 1, cpu_user_us: 500_000, cpu_system_us: 0 },
      { second: 3, cpu_user_us: 3_500_000, cpu_system_us: 1_000_000 },
    ]);
    expect(found.user).toEqual([0.5, 1.5]);
    expect(found.system).toEqual([0, 0.5]);
  });

  it("a network that nobody measures is missing, not quiet", () => {
    expect(columns([{ second: 1, net_received_bytes: null }]).received).toEqual([null]);
    expect(columns([{ second: 2, net_received_bytes: 10 }]).received).toEqual([5]);
  });

  it("counters that fall are no negative rates", () => {
    const found = columns([
      { second: 1, disk_read_bytes: 100 },
      { second: 2, disk_read_bytes: 50 },
    ]);
    expect(found.read).toEqual([100, 0]);
  });

  it("a hundred thousand take no time to speak of", () => {
    const samples = Array.from({ length: 100_000 }, (_, second) => ({ second, memory_bytes: second }));
    const began = performance.now();
    expect(columns(samples).memory.length).toBe(100_000);
    expect(performance.now() - began).toBeLessThan(2_000);
  });
});

describe("a series that comes in parts", () => {
  it("takes each second once", () => {
    const series = new SeriesSoFar();
    series.begin(1);
    expect([1, 2, 2, 1, 3].map((second) => series.add({ second }))).toEqual([true, true, false, false, true]);
    expect(series.lastSecond).toBe(3);
  });

  it("begins anew with another attempt, not with the same", () => {
    const series = new SeriesSoFar();
    series.begin(1);
    series.add({ second: 1 });
    series.begin(1);
    expect(series.samples.length).toBe(1);
    series.begin(2);
    expect(series.samples.length).toBe(0);
  });
});

describe("server-sent events", () => {
  const text =
    'event: status\ndata: {"status":"processing"}\n\n: alive\n\nid: 7\nevent: sample\ndata: {"second":7}\n\n';
  const events = [
    { name: "status", data: '{"status":"processing"}', id: undefined },
    { name: "sample", data: '{"second":7}', id: "7" },
  ];

  it("are the same whatever the pieces they come in", () => {
    for (let size = 1; size <= text.length; size += 1) {
      const parser = new EventParser();
      const found = [];
      for (let at = 0; at < text.length; at += size) found.push(...parser.push(text.slice(at, at + size)));
      expect(found).toEqual(events);
    }
  });

  it("may have lines with CRLF and data of several lines", () => {
    expect(new EventParser().push("data: a\r\ndata: b\r\n\r\n")).toEqual([
      { name: "message", data: "a\nb", id: undefined },
    ]);
  });

  it("without data are none", () => {
    expect(new EventParser().push("event: x\n\n")).toEqual([]);
  });
});
