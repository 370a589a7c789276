// What parameters take, by the few keywords of JSON schema that type hints turn into. The server has the last word;
// what is checked here is told sooner.

/** One parameter, as the API has it. */
export interface Parameter {
  name: string;
  required: boolean;
  default?: unknown;
  schema?: unknown;
}

type Keywords = Record<string, unknown>;

/** Schemas of hints are flat; what nests deeper than this is left to the server. */
const DEPTH_MAX = 32;

function keywords(schema: unknown): Keywords {
  return typeof schema === "object" && schema !== null && !Array.isArray(schema) ? (schema as Keywords) : {};
}

/** Whether the parameter is given as a file: `"never"`, `"perhaps"` besides other values, or `"only"`. */
export function asFile(schema: unknown): "never" | "perhaps" | "only" {
  const { anyOf, format, type, enum: allowed } = keywords(schema);
  if (Array.isArray(anyOf)) {
    const kinds = anyOf.map(asFile);
    if (kinds.every((kind) => kind === "only")) return "only";
    return kinds.every((kind) => kind === "never") ? "never" : "perhaps";
  }
  if (format === "binary") return "only";
  return type === undefined && allowed === undefined ? "perhaps" : "never";
}

/** The values there are to choose from, where there are few. */
export function choices(schema: unknown): unknown[] | undefined {
  const { enum: allowed, type } = keywords(schema);
  if (Array.isArray(allowed)) return allowed;
  return type === "boolean" ? [true, false] : undefined;
}

/** Whether the schema takes the value. A keyword that is not known here allows everything. */
export function takes(schema: unknown, value: unknown, depth = 0): boolean {
  const { type, enum: allowed, anyOf, items, additionalProperties, format } = keywords(schema);
  if (depth > DEPTH_MAX) return true;
  if (format === "binary") return false;
  if (type !== undefined && !isOf(type, value)) return false;
  if (Array.isArray(allowed) && !allowed.some((one) => JSON.stringify(one) === JSON.stringify(value)))
    return false;
  if (Array.isArray(anyOf) && !anyOf.some((one) => takes(one, value, depth + 1))) return false;
  if (items !== undefined && Array.isArray(value) && !value.every((item) => takes(items, item, depth + 1)))
    return false;
  if (isObject(value) && additionalProperties !== undefined) {
    const entries = Object.values(value);
    if (additionalProperties === false) return entries.length === 0;
    return entries.every((entry) => takes(additionalProperties, entry, depth + 1));
  }
  return true;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isOf(type: unknown, value: unknown): boolean {
  if (Array.isArray(type)) return type.some((one) => isOf(one, value));
  switch (type) {
    case "null":
      return value === null;
    case "boolean":
      return typeof value === "boolean";
    case "integer":
      return Number.isInteger(value);
    case "number":
      return typeof value === "number";
    case "string":
      return typeof value === "string";
    case "array":
      return Array.isArray(value);
    case "object":
      return isObject(value);
    default:
      return true;
  }
}

const NAMES: Record<string, string> = {
  null: "null",
  boolean: "true or false",
  integer: "a whole number",
  number: "a number",
  string: "a text",
  array: "a list",
  object: "an object",
};
const LISTED_MOST = 10;

/** What the schema takes, for people. */
export function words(schema: unknown): string {
  const { type, enum: allowed, anyOf, items, format } = keywords(schema);
  if (Array.isArray(anyOf)) return listed(anyOf.map(words));
  if (Array.isArray(allowed)) return listed(allowed.map((one) => JSON.stringify(one)));
  if (format === "binary") return "a file";
  if (Array.isArray(type)) return listed(type.map((one) => words({ type: one })));
  if (type === "array" && keywords(items).type !== undefined)
    return `a list, each of its items ${words(items)}`;
  return typeof type === "string" ? (NAMES[type] ?? "anything") : "anything";
}

function listed(texts: string[]): string {
  const shown = texts.length > LISTED_MOST ? [...texts.slice(0, LISTED_MOST), "…"] : texts;
  return shown.join(" or ");
}
