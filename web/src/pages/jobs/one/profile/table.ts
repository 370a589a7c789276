// The functions of a profile, sorted and searched.
import type { ProfileCalls } from "../../../../api/types";

export type ProfileFunction = ProfileCalls["functions"][number];
export type Column = "name" | "calls" | "own" | "total" | "per_call";

export interface Order {
  by: Column;
  down: boolean;
}

export function perCall(one: ProfileFunction): number {
  return one.primitive_calls > 0 ? one.total_s / one.primitive_calls : 0;
}

/** `file:line`, or nothing for what is built in. */
export function placeOf(one: ProfileFunction): string {
  return one.line > 0 ? `${one.file}:${one.line}` : "";
}

const KEYS: Record<Column, (one: ProfileFunction) => number | string> = {
  name: (one) => one.name,
  calls: (one) => one.calls,
  own: (one) => one.own_s,
  total: (one) => one.total_s,
  per_call: perCall,
};

/** Those that have the text in their name or file, in order; equal ones stay as they came. */
export function listed(functions: readonly ProfileFunction[], text: string, order: Order): ProfileFunction[] {
  const wanted = text.trim().toLowerCase();
  const found = functions.filter(
    (one) => one.name.toLowerCase().includes(wanted) || one.file.toLowerCase().includes(wanted),
  );
  const key = KEYS[order.by];
  const sign = order.down ? -1 : 1;
  return found.sort((a, b) => {
    const [left, right] = [key(a), key(b)];
    return left < right ? -sign : left > right ? sign : 0;
  });
}

/** The order after a click on a column's heading: figures begin with the largest, names with the first. */
export function clicked(order: Order, by: Column): Order {
  return order.by === by ? { by, down: !order.down } : { by, down: by !== "name" };
}
