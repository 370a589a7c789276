// Functions that cloudpickle sent by value: their code is a call with a tuple that says all of it.
import { attributes } from "./known";
import { isObject, nameOf, tuple, type Value } from "./values";

/** What can be said of a function without running anything. */
export interface FunctionSketch {
  name: string;
  parameters: Parameter[];
  /** Where it was written, as far as the pickle says. */
  module: string | undefined;
  file: string | undefined;
  line: number | undefined;
  doc: string | undefined;
}

export interface Parameter {
  /** With its stars; `/` and `*` stand for themselves. */
  name: string;
  default: Value | undefined;
}

const HAS_ARGS = 0x04;
const HAS_KEYWORDS = 0x08;
/** cloudpickle puts this where the name of the file was. */
const NO_FILE = "<dynamic-code>";

export function sketchOf(value: Value | undefined): FunctionSketch | undefined {
  if (!isObject(value) || value.kind !== "made") return undefined;
  if (nameOf(value.callee) !== "cloudpickle.cloudpickle._make_function") return undefined;
  const [code, , , defaultsOfCall] = tuple(value.args) ?? [];
  const parts = isObject(code) && code.kind === "made" ? tuple(code.args) : undefined;
  if (!parts) return undefined;
  // CPython 3.11 put the qualified name and the table of exceptions in between.
  const is311 = parts.length >= 18;
  const [positional, positionalOnly, keywordOnly] = parts.slice(0, 3).map(small);
  const flags = small(parts[5]);
  const variables = tuple(parts[9])?.filter((one) => typeof one === "string");
  const [file, name, qualified] = [parts[10], parts[11], parts[12]];
  if (positional === undefined || positionalOnly === undefined || keywordOnly === undefined) return undefined;
  if (flags === undefined || !variables || typeof name !== "string") return undefined;
  const about = new Map(attributes(value.state));
  const defaults = tuple(about.get("__defaults__")) ?? tuple(defaultsOfCall) ?? [];
  const ofKeywords = new Map(attributes(about.get("__kwdefaults__")));
  return {
    name: is311 && typeof qualified === "string" ? qualified.replaceAll("<locals>.", "") : name,
    parameters: parameters(
      variables,
      { positional, positionalOnly, keywordOnly, flags },
      defaults,
      ofKeywords,
    ),
    module: textOf(about.get("__module__")),
    file: file === NO_FILE ? undefined : textOf(file),
    line: small(is311 ? parts[13] : parts[12]),
    doc: textOf(about.get("__doc__")),
  };
}

function textOf(value: Value | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function small(value: Value | undefined): number | undefined {
  return typeof value === "bigint" && value >= 0n && value < 1n << 31n ? Number(value) : undefined;
}

interface Counts {
  positional: number;
  positionalOnly: number;
  keywordOnly: number;
  flags: number;
}

function parameters(
  variables: string[],
  { positional, positionalOnly, keywordOnly, flags }: Counts,
  defaults: Value[],
  ofKeywords: Map<string, Value>,
): Parameter[] {
  const found: Parameter[] = [];
  const plain = variables.slice(0, positional);
  plain.forEach((name, place) => {
    found.push({ name, default: defaults[place - plain.length + defaults.length] });
    if (place + 1 === positionalOnly) found.push({ name: "/", default: undefined });
  });
  const rest = variables.slice(positional + keywordOnly);
  if (flags & HAS_ARGS) found.push({ name: `*${rest.shift() ?? ""}`, default: undefined });
  else if (keywordOnly > 0) found.push({ name: "*", default: undefined });
  for (const name of variables.slice(positional, positional + keywordOnly))
    found.push({ name, default: ofKeywords.get(name) });
  if (flags & HAS_KEYWORDS) found.push({ name: `**${rest.shift() ?? ""}`, default: undefined });
  return found;
}
