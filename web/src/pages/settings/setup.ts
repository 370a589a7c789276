// The line that sets a key up on another machine.

/** Quoted for a POSIX shell. */
export function quoted(text: string): string {
  return /^[A-Za-z0-9_.:/@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** The secret is in the environment, where other users of that machine do not see it. */
export function setupLine(server: string, key: number, secret: string): string {
  return `PICLOUD_API_SECRETKEY=${quoted(secret)} picloud setup --server ${quoted(server)} --api-key ${key}`;
}
