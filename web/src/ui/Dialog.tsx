// Dialogs: the browser's own element keeps the focus inside and closes at Escape.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { ErrorNote } from "./Notes";

export function Dialog({
  title,
  onClose,
  children,
}: {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  // Closing tells of itself a moment later, when whoever opened this may have opened another.
  const here = useRef(true);
  useEffect(() => {
    const opened = dialog.current;
    here.current = true;
    opened?.showModal();
    return () => {
      here.current = false;
      // Gives the focus back to where it was.
      opened?.close();
    };
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby={heading} onClose={() => here.current && onClose()}>
      <h2 id={heading}>{title}</h2>
      {children}
    </dialog>
  );
}

interface ConfirmProps {
  title: string;
  /** What will happen, in a sentence. */
  children: ComponentChildren;
  /** The word on the button that does it. */
  verb: string;
  act: () => Promise<void>;
  onClose: () => void;
}

/** Asks before something that cannot be taken back. */
export function Confirm({ title, children, verb, act, onClose }: ConfirmProps) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error>();
  const doIt = async () => {
    setBusy(true);
    setError(undefined);
    try {
      await act();
      onClose();
    } catch (failure) {
      // Said here and not in a passing note, which the dialog would cover.
      setError(failure instanceof Error ? failure : new Error(String(failure)));
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <div class="stack" style={{ marginTop: "0.6rem" }}>
        <div>{children}</div>
        {error ? <ErrorNote error={error} /> : null}
      </div>
      <div class="dialog-actions">
        <button type="button" onClick={onClose}>
          Cancel
        </button>
        <button type="button" class="danger" disabled={busy} onClick={doIt}>
          {verb}
        </button>
      </div>
    </Dialog>
  );
}
