// The frame around every page: where one is, where one can go, whether what is seen is current.
import { Fragment } from "preact";
import { lazy, Suspense } from "preact/compat";
import { useEffect, useState } from "preact/hooks";
import { Link, Redirect, useLocation } from "wouter-preact";
import { api, data } from "../api/http";
import type { ServiceInfo } from "../api/types";
import { onConnection } from "../live/changes";
import { useLive } from "../live/useLive";
import { PAGES, pageOf } from "../pages";
import { Dialog } from "../ui/Dialog";
import { Toasts } from "../ui/Notes";
import "../ui/ui.css";
import { Boundary } from "./Boundary";
import { useHeadingFocus } from "./focus";
import { shortcutsNow, useShortcuts } from "./keys";
import { useSession } from "./session";
import { setTheme, type Theme, theme } from "./theme";

const LOADED = new Map(PAGES.map((page) => [page.path, lazy(page.load)]));

export function Shell() {
  const [address, go] = useLocation();
  const [help, setHelp] = useState(false);
  const page = pageOf(address);
  useShortcuts([
    ...PAGES.map((one) => ({ keys: `g ${one.key}`, says: `Go to ${one.title}`, act: () => go(one.path) })),
    { keys: "?", says: "Show this list", act: () => setHelp(true) },
  ]);
  useEffect(() => {
    document.title = page ? `${page.title} · picloud` : "picloud";
  }, [page]);

  useHeadingFocus(address, page?.path);

  if (!page) return <Redirect to="/jobs" replace />;
  const Shown = LOADED.get(page.path);
  return (
    <div class="shell">
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header class="side">
        <Link class="brand" href="/jobs">
          <img src="/icon.svg" alt="" /> picloud
        </Link>
        <nav aria-label="Pages">
          <ul class="nav">
            {PAGES.map((one) => (
              <li key={one.path}>
                <Link href={one.path} aria-current={one === page ? "page" : undefined}>
                  {one.title}
                  <kbd title="shortcut">g {one.key}</kbd>
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <SideEnd onHelp={() => setHelp(true)} />
        <Connection />
      </header>
      <main class="main" id="main" tabIndex={-1}>
        <Warning />
        <Boundary place={address}>
          <Suspense fallback={null}>{Shown ? <Shown /> : null}</Suspense>
        </Boundary>
      </main>
      {help ? <Help onClose={() => setHelp(false)} /> : null}
      <Toasts />
    </div>
  );
}

function SideEnd({ onHelp }: { onHelp: () => void }) {
  const { session } = useSession();
  const [chosen, setChosen] = useState(theme());
  return (
    <div class="side-end">
      <label class="field">
        <span>Theme</span>
        <select
          value={chosen}
          onChange={(event) => {
            const wanted = event.currentTarget.value as Theme;
            setTheme(wanted);
            setChosen(wanted);
          }}
        >
          <option value="system">as the system</option>
          <option value="light">light</option>
          <option value="dark">dark</option>
        </select>
      </label>
      <span class="cut" title={session.account_name}>
        {session.account_name}
        {session.admin ? " (administrator)" : ""}
      </span>
      <button type="button" class="plain small" onClick={onHelp}>
        <kbd>?</kbd> Shortcuts
      </button>
    </div>
  );
}

/** How long a connection may be away before it is worth a word; the first one takes a moment, too. */
const AWAY_MS = 1_500;

/** Whether what is shown is current. */
function Connection() {
  const [connected, setConnected] = useState(true);
  useEffect(() => {
    let timer: number | undefined;
    const off = onConnection((now) => {
      window.clearTimeout(timer);
      if (now) setConnected(true);
      else timer = window.setTimeout(() => setConnected(false), AWAY_MS);
    });
    return () => {
      window.clearTimeout(timer);
      off();
    };
  }, []);
  return (
    <p class={connected ? "connection" : "connection off"} role="status">
      {connected ? "live" : "not connected, trying again"}
    </p>
  );
}

/** Jobs without a sandbox are the operator's risk, so nobody is to overlook them. */
function Warning() {
  const service = useLive<ServiceInfo>("service", ["workers"], async (signal) =>
    data(await api.GET("/v1/service", { signal })),
  );
  const count = service.data?.unconfined_workers ?? 0;
  if (count === 0) return null;
  return (
    <p class="banner" role="alert">
      {count === 1 ? "One worker runs" : `${count} workers run`} jobs without a sandbox (--isolation=process):
      they can read and change whatever the worker's user can.
    </p>
  );
}

function Help({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <dl class="facts" style={{ marginTop: "0.8rem" }}>
        {shortcutsNow().map((one) => (
          <Fragment key={one.keys}>
            <dt>
              {one.keys.split(" ").map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{one.says}</dd>
          </Fragment>
        ))}
      </dl>
      <div class="dialog-actions">
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
