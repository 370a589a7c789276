// What the form for a call was given: whether it can be sent, and the body that is sent.
import { asFile, type Parameter, takes, words } from "./kinds";

/** What stands in one field: JSON as it was typed, or a file. Both empty: not given. */
export interface Given {
  text: string;
  file?: File | undefined;
}

export type GivenByName = ReadonlyMap<string, Given>;

const NOTHING: Given = { text: "" };

export function isGiven(given: Given): boolean {
  return given.file !== undefined || given.text.trim() !== "";
}

/** What is wrong with a field, in a sentence. */
export function problem(parameter: Parameter, given: Given = NOTHING): string | undefined {
  const { name, schema, required } = parameter;
  if (given.file) return undefined;
  if (given.text.trim() === "") return required ? `${name} is missing.` : undefined;
  if (asFile(schema) === "only") return `${name} is given as a file.`;
  let value: unknown;
  try {
    value = JSON.parse(given.text);
  } catch {
    return `${name} is not JSON. Texts need their quotes, as in "Hello".`;
  }
  return takes(schema, value) ? undefined : `${name} takes ${words(schema)}.`;
}

/** What is wrong with the field for arguments of other names. */
export function otherProblem(text: string, parameters: readonly Parameter[]): string | undefined {
  if (text.trim() === "") return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return 'Other arguments are a JSON object, as in {"size": 3}.';
  const twice = parameters.find(({ name }) => Object.hasOwn(value, name));
  return twice ? `${twice.name} has its own field.` : undefined;
}

/**
 * The body of the call. Values go as they were typed, as numbers of more than 15 digits would not survive being read
 * here.
 */
export function bodyOf(
  parameters: readonly Parameter[],
  given: GivenByName,
  other: string,
): FormData | URLSearchParams {
  const fields: [string, string | File][] = [];
  for (const { name } of parameters) {
    const { text, file } = given.get(name) ?? NOTHING;
    if (file) fields.push([name, file]);
    else if (text.trim() !== "") fields.push([name, text]);
  }
  if (other.trim() !== "")
    for (const [name, value] of Object.entries(JSON.parse(other))) fields.push([name, JSON.stringify(value)]);
  const body = fields.some(([, value]) => value instanceof File) ? new FormData() : new URLSearchParams();
  for (const [name, value] of fields) {
    if (body instanceof FormData) body.append(name, value);
    else body.append(name, value as string);
  }
  return body;
}
