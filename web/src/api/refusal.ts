// What a request that was not answered ends with.

/** The server said no, or could not be reached (`status` 0). */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly hint: string | undefined,
    /** Seconds until it makes sense to try again, where the server says so. */
    readonly waitSeconds?: number,
  ) {
    super(message);
  }
}
