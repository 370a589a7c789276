// What is asked of a password: length, and nothing else.

/** Fewest and most characters, as the server demands them. */
export const PASSWORD_MIN = 10;
export const PASSWORD_MAX = 200;

/** Characters as people count them: an emoji is one, not two. */
export function passwordLength(password: string): number {
  return [...password].length;
}

/** Whether the server will take it. */
export function isPassword(password: string): boolean {
  const length = passwordLength(password);
  return length >= PASSWORD_MIN && length <= PASSWORD_MAX;
}

/** What to say of it while it is typed. */
export function passwordNote(password: string): string {
  const length = passwordLength(password);
  if (length === 0) return `At least ${PASSWORD_MIN} characters. A few words in a row are good.`;
  if (length < PASSWORD_MIN) {
    const missing = PASSWORD_MIN - length;
    return `${length} of at least ${PASSWORD_MIN} characters, ${missing} more to go.`;
  }
  if (length > PASSWORD_MAX) return `${length} characters; at most ${PASSWORD_MAX} are possible.`;
  return `${length} characters. Long enough.`;
}
