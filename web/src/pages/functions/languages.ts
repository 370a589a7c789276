// Calls of a function in other languages, with its address and parameters filled in. Texts in, text out.
import { asFile, choices, type Parameter } from "./kinds";

export interface Callable {
  label: string;
  uri: string;
  access: "account" | "token" | "public";
  output: "json" | "raw" | "pickle";
  parameters: readonly Parameter[];
}

/** One argument of an example. */
interface Argument {
  name: string;
  /** Its value, unless it is a file. */
  value: unknown;
  isFile: boolean;
}

const WAIT = "?wait=10";

/** Arguments that an example gives: those it must, or else the first, so that one sees how. */
export function exampleArguments(parameters: readonly Parameter[]): Argument[] {
  const required = parameters.filter((one) => one.required);
  return (required.length > 0 ? required : parameters.slice(0, 1)).map((one) => ({
    name: one.name,
    value: example(one),
    isFile: asFile(one.schema) === "only",
  }));
}

function example({ schema, default: otherwise }: Parameter): unknown {
  if (otherwise !== undefined && otherwise !== null) return otherwise;
  const few = choices(schema);
  if (few && few.length > 0) return few[0];
  const { type, anyOf } = (schema ?? {}) as { type?: unknown; anyOf?: unknown };
  if (Array.isArray(anyOf) && anyOf.length > 0)
    return example({ name: "", required: true, schema: anyOf.find((one) => asFile(one) !== "only") });
  switch (Array.isArray(type) ? type[0] : type) {
    case "string":
      return "text";
    case "array":
      return [1, 2];
    case "object":
      return { a: 1 };
    case "number":
      return 1.5;
    default:
      return 1;
  }
}

/** A word of a shell. */
function quoted(text: string): string {
  return /^[\w./:=@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

export function curl(of: Callable): string {
  const lines = [`curl ${curlAccess(of)}${quoted(of.uri + WAIT)}`];
  const given = exampleArguments(of.parameters);
  const hasFile = given.some((one) => one.isFile);
  for (const { name, value, isFile } of given) {
    const json = JSON.stringify(value);
    if (isFile) lines.push(`-F ${quoted(`${name}=@FILE`)}`);
    // curl reads quotes, semicolons and `@` of `-F` in its own way.
    else if (hasFile) lines.push(`--form-string ${quoted(`${name}=${json}`)}`);
    else lines.push(`${/[%&+]/.test(json) ? "--data-urlencode" : "-d"} ${quoted(`${name}=${json}`)}`);
  }
  if (given.length === 0) lines.push("-X POST");
  if (of.output === "raw") lines.push("-o RESULT");
  const short = lines.join(" ");
  return short.length <= 80 ? short : lines.join(" \\\n  ");
}

function curlAccess(of: Callable): string {
  if (of.access === "public") return "";
  return of.access === "token" ? '-H "Authorization: Bearer $TOKEN" ' : '-u "$KEY" ';
}

const PYTHON_WORDS = new Set(
  "False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield".split(
    " ",
  ),
);

/** A JSON value as Python writes it. JSON nests no deeper than its reader allows. */
export function python(value: unknown): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  if (typeof value === "object")
    return `{${Object.entries(value)
      .map(([name, one]) => `${JSON.stringify(name)}: ${python(one)}`)
      .join(", ")}}`;
  return JSON.stringify(value);
}

function pythonArguments(given: readonly Argument[]): string {
  const value = (one: Argument) => (one.isFile ? 'open("FILE", "rb")' : python(one.value));
  const isWord = ({ name }: Argument) => /^[A-Za-z_]\w*$/.test(name) && !PYTHON_WORDS.has(name);
  const named = given.filter(isWord).map((one) => `, ${one.name}=${value(one)}`);
  const others = given
    .filter((one) => !isWord(one))
    .map((one) => `${JSON.stringify(one.name)}: ${value(one)}`);
  return named.join("") + (others.length > 0 ? `, **{${others.join(", ")}}` : "");
}

/** With the package `cloud`, where a key is set up. */
export function pythonCloud(of: Callable): string {
  const given = pythonArguments(exampleArguments(of.parameters));
  return `import cloud

jid = cloud.rest.invoke(${JSON.stringify(of.label)}${given})
print(cloud.result(jid))`;
}

/** With nothing but the library that everybody has. */
export function pythonPlain(of: Callable): string {
  const given = exampleArguments(of.parameters);
  const files = given.filter((one) => one.isFile);
  const values = given.filter((one) => !one.isFile);
  const lines = [`${JSON.stringify(of.uri + WAIT)},`];
  if (files.length > 0) {
    const opened = files.map((one) => `${JSON.stringify(one.name)}: open("FILE", "rb")`);
    lines.push(`files={${opened.join(", ")}},`);
    if (values.length > 0) {
      const said = values.map(
        (one) => `${JSON.stringify(one.name)}: ${JSON.stringify(JSON.stringify(one.value))}`,
      );
      lines.push(`data={${said.join(", ")}},`);
    }
  } else {
    const said = values.map((one) => `${JSON.stringify(one.name)}: ${python(one.value)}`);
    lines.push(`json={${said.join(", ")}},`);
  }
  if (of.access === "token") lines.push('headers={"Authorization": f"Bearer {TOKEN}"},');
  if (of.access === "account") lines.push("auth=(KEY, SECRET),");
  const end = of.output === "raw" ? "content = answer.content" : 'print(answer.json()["result"])';
  return `import requests

answer = requests.post(
    ${lines.join("\n    ")}
)
answer.raise_for_status()
${end}`;
}

export function javascript(of: Callable): string {
  const given = exampleArguments(of.parameters);
  const hasFile = given.some((one) => one.isFile);
  const headers: string[] = hasFile ? [] : ['"Content-Type": "application/json"'];
  if (of.access === "token") headers.push('Authorization: "Bearer " + TOKEN');
  if (of.access === "account") headers.push('Authorization: "Basic " + btoa(KEY + ":" + SECRET)');
  const head = hasFile
    ? [
        "const body = new FormData();",
        ...given.map(({ name, value, isFile }) =>
          isFile
            ? `body.append(${JSON.stringify(name)}, file);`
            : `body.append(${JSON.stringify(name)}, ${JSON.stringify(JSON.stringify(value))});`,
        ),
      ]
    : [
        `const body = JSON.stringify({ ${given.map((one) => `${JSON.stringify(one.name)}: ${JSON.stringify(one.value)}`).join(", ")} });`,
      ];
  const init = ['  method: "POST",'];
  if (headers.length > 0) init.push(`  headers: { ${headers.join(", ")} },`);
  init.push("  body,");
  const end =
    of.output === "raw"
      ? ["const result = await answer.blob();"]
      : ["const { result } = await answer.json();"];
  return [
    ...head,
    `const answer = await fetch(${JSON.stringify(of.uri + WAIT)}, {`,
    ...init,
    "});",
    "if (!answer.ok) throw new Error((await answer.json()).error.msg);",
    ...end,
  ].join("\n");
}
