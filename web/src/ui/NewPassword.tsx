// A field for a new password, with what is asked of it below.
import { useId } from "preact/hooks";
import { isPassword, passwordNote } from "./password";

export function NewPassword({
  label,
  value,
  onValue,
  required = true,
}: {
  label: string;
  value: string;
  onValue: (value: string) => void;
  required?: boolean;
}) {
  const note = useId();
  return (
    <label class="field">
      <span>{label}</span>
      <input
        type="password"
        name="new-password"
        autocomplete="new-password"
        aria-describedby={note}
        required={required}
        value={value}
        onInput={(event) => onValue(event.currentTarget.value)}
      />
      <span id={note} class={isPassword(value) ? "length-note enough" : "length-note"} aria-live="polite">
        {passwordNote(value)}
      </span>
    </label>
  );
}
