// Light or dark, in this browser.
import { useEffect, useState } from "preact/hooks";
import { setTheme, type Theme, theme } from "../../shell/theme";
import { Section } from "./Section";

const CHOICES: readonly { name: Theme; title: string }[] = [
  { name: "system", title: "As the system" },
  { name: "light", title: "Light" },
  { name: "dark", title: "Dark" },
];

export function ThemeChoice() {
  const [chosen, setChosen] = useState(theme);
  useEffect(() => {
    // It can be changed elsewhere on the page as well.
    const changed = () => setChosen(theme());
    document.addEventListener("picloud-theme", changed);
    return () => document.removeEventListener("picloud-theme", changed);
  }, []);
  return (
    <Section title="Theme" about="Kept by this browser.">
      <fieldset class="choices">
        <legend class="visually-hidden">Theme</legend>
        {CHOICES.map((choice) => (
          <label class="check" key={choice.name}>
            <input
              type="radio"
              name="theme"
              checked={chosen === choice.name}
              onChange={() => setTheme(choice.name)}
            />
            {choice.title}
          </label>
        ))}
      </fieldset>
    </Section>
  );
}
