// One object: what is known of it, and all that can be done with it.
import { useState } from "preact/hooks";
import { api, data } from "../../api/http";
import type { ObjectInfo } from "../../api/types";
import { Confirm, Dialog } from "../../ui/Dialog";
import { Snippet } from "../../ui/Empty";
import { bytes, count } from "../../ui/format";
import { ErrorNote, say } from "../../ui/Notes";
import { Time } from "../../ui/Time";
import { visible } from "../../ui/text";
import { fileName, objectAddress } from "./paths";

const SIGNED_FOR = [
  { seconds: 3_600, title: "an hour" },
  { seconds: 86_400, title: "a day" },
  { seconds: 604_800, title: "a week" },
] as const;

const whole = (address: string) => new URL(address, location.origin).href;

type Asked = "delete" | "public" | "rename" | undefined;

export function ObjectDialog({
  object,
  onClose,
  onChange,
}: {
  object: ObjectInfo;
  onClose: () => void;
  /** The object as it is now, or nothing once it is gone. */
  onChange: (object: ObjectInfo | undefined) => void;
}) {
  const [asked, setAsked] = useState<Asked>();
  const [error, setError] = useState<Error>();
  const [busy, setBusy] = useState(false);
  const [signed, setSigned] = useState<{ url: string; expires: number }>();
  const { key } = object;

  const attempt = async (act: () => Promise<void>) => {
    setBusy(true);
    setError(undefined);
    try {
      await act();
    } catch (refused) {
      setError(refused as Error);
    } finally {
      setBusy(false);
    }
  };
  const sign = (seconds: number) =>
    attempt(async () => {
      const body = { key, method: "get" as const, expires_s: seconds };
      const made = data(await api.POST("/v1/bucket/sign", { body }));
      setSigned({ url: whole(made.url), expires: made.expires });
    });
  const hide = () =>
    attempt(async () => {
      onChange(data(await api.POST("/v1/bucket/private", { body: { key } })));
      say("Only this account can read it from now on.");
    });

  if (asked === "delete") {
    return (
      <Confirm
        title="Delete this object"
        verb="Delete it"
        onClose={() => setAsked(undefined)}
        act={async () => {
          await api.POST("/v1/bucket/remove", { body: { keys: [key] } });
          say("The object is deleted.");
          onChange(undefined);
        }}
      >
        <strong class="name">{visible(key)}</strong> will be gone for good.
      </Confirm>
    );
  }
  if (asked === "public") {
    return (
      <Confirm
        title="Let anybody read it"
        verb="Make it public"
        onClose={() => setAsked(undefined)}
        act={async () => onChange(data(await api.POST("/v1/bucket/public", { body: { key } })))}
      >
        Who knows the address can read <strong class="name">{visible(key)}</strong>, without a key, also when
        its content is replaced later.
      </Confirm>
    );
  }
  if (asked === "rename") {
    return <Rename object={object} onClose={() => setAsked(undefined)} onChange={onChange} />;
  }
  return (
    <Dialog title={visible(fileName(key))} onClose={onClose}>
      <div class="stack object-dialog">
        <dl class="facts">
          <dt>Name</dt>
          <dd class="name">{visible(key)}</dd>
          <dt>Size</dt>
          <dd>
            {bytes(object.size)} <span class="soft">({count(object.size)} bytes)</span>
          </dd>
          <dt>Type</dt>
          <dd>{visible(object.content_type)}</dd>
          <dt>Modified</dt>
          <dd>
            <Time at={object.modified} long />
          </dd>
          <dt>First stored</dt>
          <dd>
            <Time at={object.created} long />
          </dd>
          <dt>SHA-256</dt>
          <dd>
            <code>{object.sha256}</code>
          </dd>
        </dl>
        {error ? <ErrorNote error={error} /> : null}
        {object.public_url ? (
          <div class="stack-small">
            <h3>Anybody can read it at</h3>
            <Snippet code={whole(object.public_url)} />
          </div>
        ) : null}
        <div class="stack-small">
          <h3>Address for some time</h3>
          <div class="row">
            {SIGNED_FOR.map((one) => (
              <button type="button" key={one.seconds} disabled={busy} onClick={() => sign(one.seconds)}>
                For {one.title}
              </button>
            ))}
          </div>
          {signed ? (
            <>
              <Snippet code={signed.url} />
              <p class="small soft">
                Good without a key until <Time at={signed.expires} long />.
              </p>
            </>
          ) : null}
        </div>
        <div class="row">
          <a class="button" href={objectAddress(key)} download={fileName(key)}>
            Download
          </a>
          <button type="button" onClick={() => setAsked("rename")}>
            Rename
          </button>
          {object.public_url ? (
            <button type="button" disabled={busy} onClick={hide}>
              Make private
            </button>
          ) : (
            <button type="button" onClick={() => setAsked("public")}>
              Make public
            </button>
          )}
          <button type="button" class="danger" onClick={() => setAsked("delete")}>
            Delete
          </button>
        </div>
      </div>
      <div class="dialog-actions">
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

function Rename({
  object,
  onClose,
  onChange,
}: {
  object: ObjectInfo;
  onClose: () => void;
  onChange: (object: ObjectInfo | undefined) => void;
}) {
  const [name, setName] = useState(object.key);
  const [inTheWay, setInTheWay] = useState<string>();
  const [error, setError] = useState<Error>();
  const [busy, setBusy] = useState(false);

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      if (inTheWay !== name) {
        const [there] = data(await api.POST("/v1/bucket/info", { body: { keys: [name] } })).objects;
        if (there) {
          setInTheWay(name);
          setBusy(false);
          return;
        }
      }
      await api.POST("/v1/bucket/rename", { body: { from: object.key, to: name } });
      say("The object has its new name.");
      onChange({ ...object, key: name });
      onClose();
    } catch (refused) {
      setError(refused as Error);
      setBusy(false);
    }
  };

  return (
    <Dialog title="Rename" onClose={onClose}>
      <form class="stack object-dialog" onSubmit={submit}>
        <label class="field">
          <span>Whole name, folders included</span>
          <input
            value={name}
            required
            maxLength={1024}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
        {inTheWay === name ? (
          <p class="error-note" role="alert">
            There is an object of this name already. Its content will be gone.
          </p>
        ) : null}
        {error ? <ErrorNote error={error} /> : null}
        <div class="dialog-actions">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button
            type="submit"
            class={inTheWay === name ? "danger" : "primary"}
            disabled={busy || name === object.key}
          >
            {inTheWay === name ? "Replace it" : "Rename"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
