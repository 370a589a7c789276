// Lines to copy, with this function's address and parameters in them.
import { useState } from "preact/hooks";
import { Snippet } from "../../ui/Empty";
import { type PublishedInfo, parametersOf } from "./api";
import { type Callable, curl, javascript, pythonCloud, pythonPlain } from "./languages";

const LANGUAGES: readonly { name: string; title: string; write: (of: Callable) => string }[] = [
  { name: "curl", title: "curl", write: curl },
  { name: "cloud", title: "Python with cloud", write: pythonCloud },
  { name: "requests", title: "Python with requests", write: pythonPlain },
  { name: "javascript", title: "JavaScript", write: javascript },
];

export function Snippets({ found }: { found: PublishedInfo }) {
  const [chosen, setChosen] = useState("curl");
  const language = LANGUAGES.find((one) => one.name === chosen) ?? LANGUAGES[0];
  const of: Callable = {
    label: found.label,
    uri: found.uri,
    access: found.access,
    output: found.output_encoding,
    parameters: parametersOf(found),
  };
  return (
    <section class="panel padded stack">
      <fieldset class="choice-row">
        <legend class="visually-hidden">Language</legend>
        {LANGUAGES.map((one) => (
          <label key={one.name} class="check">
            <input
              type="radio"
              name="language"
              checked={one.name === chosen}
              onChange={() => setChosen(one.name)}
            />
            {one.title}
          </label>
        ))}
      </fieldset>
      {language ? <Snippet key={chosen} code={language.write(of)} /> : null}
      <p class="small soft">{needs(of, chosen)}</p>
    </section>
  );
}

function needs({ access, parameters }: Callable, language: string): string {
  const said: string[] = [];
  if (language === "cloud") said.push("The key is the one that picloud setup has stored.");
  else if (access === "token") said.push("TOKEN is the function's token; it is made under Access.");
  else if (access === "account")
    said.push(
      language === "curl"
        ? "KEY is a key of your account and its secret, with a colon between."
        : "KEY and SECRET are a key of your account. It can do everything you can, so never put it into a page.",
    );
  if (parameters.some((one) => !one.required)) said.push("What is optional can be left out.");
  said.push("It waits up to ten seconds for the result; after that the answer is the job.");
  if (language !== "cloud" && location.protocol === "https:" && language === "curl")
    said.push("A certificate of the server's own needs --cacert, or -k.");
  return said.join(" ");
}
