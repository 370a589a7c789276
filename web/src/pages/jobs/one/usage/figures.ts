// Samples of a job as columns for charts. Samples count from the attempt's beginning; rates are between two of them.
import type { Sample } from "../../../../api/types";

export interface Columns {
  seconds: number[];
  /** Cores busy. */
  user: number[];
  system: number[];
  /** In use, in bytes. */
  memory: number[];
  swap: number[];
  disk: number[];
  /** Bytes a second. */
  read: number[];
  written: number[];
  received: (number | null)[];
  sent: (number | null)[];
  processes: number[];
}

const START: Sample = { second: 0 };

export function columns(samples: readonly Sample[]): Columns {
  const found: Columns = {
    seconds: [],
    user: [],
    system: [],
    memory: [],
    swap: [],
    disk: [],
    read: [],
    written: [],
    received: [],
    sent: [],
    processes: [],
  };
  let before = START;
  for (const sample of samples) {
    const seconds = Math.max(1, sample.second - before.second);
    const rate = (now: number | undefined, then: number | undefined) =>
      Math.max(0, (now ?? 0) - (then ?? 0)) / seconds;
    // Where the worker cannot tell there is nothing to draw, which is not the same as zero.
    const known = (now: number | null | undefined, then: number | null | undefined) =>
      now === null || now === undefined ? null : rate(now, then ?? 0);
    found.seconds.push(sample.second);
    found.user.push(rate(sample.cpu_user_us, before.cpu_user_us) / 1e6);
    found.system.push(rate(sample.cpu_system_us, before.cpu_system_us) / 1e6);
    found.memory.push(sample.memory_bytes ?? 0);
    found.swap.push(sample.swap_bytes ?? 0);
    found.disk.push(sample.disk_bytes ?? 0);
    found.read.push(rate(sample.disk_read_bytes, before.disk_read_bytes));
    found.written.push(rate(sample.disk_write_bytes, before.disk_write_bytes));
    found.received.push(known(sample.net_received_bytes, before.net_received_bytes));
    found.sent.push(known(sample.net_sent_bytes, before.net_sent_bytes));
    found.processes.push(sample.processes ?? 0);
    before = sample;
  }
  return found;
}

/** What is known of the series of one attempt; samples come more than once after a connection was lost. */
export class SeriesSoFar {
  attempt: number | undefined;
  samples: Sample[] = [];

  /** The attempt that samples are of from now on; another one begins anew. */
  begin(attempt: number): void {
    if (this.attempt !== undefined && this.attempt !== attempt) this.samples = [];
    this.attempt = attempt;
  }

  /** Whether it was new. */
  add(sample: Sample): boolean {
    const last = this.samples[this.samples.length - 1];
    if (last && sample.second <= last.second) return false;
    this.samples.push(sample);
    return true;
  }

  get lastSecond(): number | undefined {
    return this.samples[this.samples.length - 1]?.second;
  }
}
