// Figures as people read them. Everything here is text in, text out.

const UNITS = ["B", "KB", "MB", "GB", "TB", "PB"] as const;

/** `1536` is `1.54 KB`: decimal units, as the core types are given in. */
export function bytes(count: number | null | undefined): string {
  if (count === null || count === undefined) return "–";
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return unit === 0 ? `${value} B` : `${significant(value)} ${UNITS[unit]}`;
}

/** Three significant digits. */
export function significant(value: number): string {
  if (value >= 99.95) return value.toFixed(0);
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}

/** `0.0123` is `12.3 ms`, `3725` is `1 h 2 min`. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds === 0) return "0 s";
  if (seconds < 0.0009995) return `${significant(seconds * 1e6)} µs`;
  if (seconds < 0.9995) return `${significant(seconds * 1e3)} ms`;
  if (seconds < 59.95) return `${significant(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A time that counts on: whole seconds, so that it is as wide from one to the next. */
export function ticking(seconds: number): string {
  const whole = Math.floor(seconds);
  return whole < 60 ? `${whole} s` : duration(whole);
}

const GROUPED = new Intl.NumberFormat("en");
/** `1234567` is `1,234,567`. */
export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? "–" : GROUPED.format(value);
}

/** Per second: `0.25/s`, `12.3/s`, `1,234/s`. */
export function rate(value: number): string {
  if (value === 0) return "0/s";
  return value >= 999.5 ? `${count(Math.round(value))}/s` : `${significant(value)}/s`;
}

/** An amount of money in the installation's currency. */
export function money(value: number | null | undefined, currency: string): string {
  if (value === null || value === undefined) return "–";
  const digits = value === 0 || value >= 1 ? 2 : Math.min(8, 2 + Math.ceil(-Math.log10(value)));
  return `${value.toFixed(digits)} ${currency}`;
}
