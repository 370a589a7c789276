// Tables as CSV, for spreadsheets, which must not take a name for a formula.

// Spreadsheets compute what begins so.
const FORMULA = /^[=+\-@\t\r\n|%]/;

/** One cell. Numbers stay numbers; a text that a spreadsheet would compute gets an apostrophe before it. */
export function cell(value: string | number): string {
  if (typeof value === "number") return String(value);
  const safe = FORMULA.test(value) ? `'${value}` : value;
  return /[",;\r\n\t']/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Lines as RFC 4180 has them. */
export function csv(rows: readonly (readonly (string | number)[])[]): string {
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

/** Gives a text to the browser as a file to keep. */
export function download(name: string, text: string, type: string): void {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  // The browser has begun by then; the content may go.
  window.setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
