"use strict";
// Lists jobs and shows one of them. Everything that comes from a job is put in as text, never as
// markup: what a job prints is not to be trusted.

const EVERY_MS = 2000;
const byId = (id) => document.getElementById(id);
let shownJob = null;
let pages = 1;

async function ask(path, body) {
  const options = body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  // Whole, because relative to an address with a key in it a browser refuses to ask.
  const response = await fetch(location.origin + path, options);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error ? answer.error.msg : `status ${response.status}`);
  return answer;
}

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  if (className) made.className = className;
  return made;
}

const when = (ms) => (ms === null || ms === undefined ? "" : new Date(ms).toLocaleString());
const seconds = (value) => (value === null || value === undefined ? "" : `${value.toFixed(3)} s`);

function row(job) {
  const line = element("tr");
  const link = element("button", job.jid);
  link.type = "button";
  link.addEventListener("click", () => { shownJob = job.jid; showJob(); });
  const first = element("td");
  first.append(link);
  const runtime = job.runtime_ms === null ? "" : seconds(job.runtime_ms / 1000);
  line.append(first, element("td", job.status, job.status), element("td", job.function), element("td", job.label),
    element("td", `${job.cores} ${job.core_type}`), element("td", when(job.created)), element("td", runtime), element("td", job.error));
  return line;
}

// Jobs without a sandbox are the operator's risk, so nobody is to overlook them.
async function showWarning() {
  const count = (await ask("/v1/service")).unconfined_workers;
  const who = count === 1 ? "One worker runs" : `${count} workers run`;
  byId("warning").textContent = `${who} jobs without a sandbox (--isolation=process): they can read and change whatever the worker's user can.`;
  byId("warning").hidden = count === 0;
}

async function showJobs() {
  const rows = [];
  let next = null;
  for (let page = 0; page < pages; page += 1) {
    const query = new URLSearchParams({ limit: "100" });
    if (byId("status").value) query.set("status", byId("status").value);
    if (next !== null) query.set("before", next);
    const answer = await ask(`/v1/jobs?${query}`);
    rows.push(...answer.jobs.map(row));
    next = answer.next;
    if (next === null) break;
  }
  byId("jobs").replaceChildren(...rows);
  byId("empty").hidden = rows.length > 0;
  byId("more").hidden = next === null;
}

function facts(info) {
  const spec = info.spec;
  return [
    ["Status", info.status], ["Waits because", info.waiting_because], ["Function", spec.function_name], ["Label", spec.label],
    ["Created", when(info.created)], ["Started", when(info.started)], ["Finished", when(info.finished)],
    ["Runtime", seconds(info.runtime)], ["CPU", info.cpu_user === null ? null : `${seconds(info.cpu_user)} user, ${seconds(info.cpu_system)} system`],
    ["Attempt", info.attempt], ["Worker", info.worker], ["Made by job", info.parent_jid], ["Python", spec.python],
    ["Core", `${spec.cores} ${spec.core_type}`], ["Priority", spec.priority], ["Hint", info.failure ? info.failure.hint : null],
  ].filter(([, value]) => value !== null && value !== undefined && value !== "");
}

function fill(parent, parts) {
  // Left alone while nothing changed, so that a selection or a scroll position survives.
  const before = parent.dataset.content;
  const now = JSON.stringify(parts);
  if (before === now) return false;
  parent.dataset.content = now;
  return true;
}

async function showJob() {
  if (shownJob === null) return;
  const jid = shownJob;
  const answer = await ask("/v1/jobs/info", { jids: String(jid), with: ["streams"] });
  if (jid !== shownJob) return;
  const info = answer.info[jid];
  byId("detail-title").textContent = `Job ${jid}`;
  const known = facts(info);
  if (fill(byId("facts"), known)) {
    byId("facts").replaceChildren(...known.flatMap(([name, value]) => [element("dt", name), element("dd", value)]));
  }
  const texts = info.failure ? [["exception", info.failure.exception]] : [];
  texts.push(...Object.entries(info.streams).filter(([, text]) => text !== ""));
  if (fill(byId("texts"), texts)) {
    byId("texts").replaceChildren(...texts.flatMap(([name, text]) => [element("h3", name), element("pre", text)]));
  }
  byId("detail").hidden = false;
}

async function show() {
  try {
    await showWarning();
    await showJobs();
    await showJob();
    byId("message").textContent = "";
  } catch (error) {
    byId("message").textContent = error.message;
  }
}

async function keepShowing() {
  if (byId("refresh").checked && !document.hidden) await show();
  setTimeout(keepShowing, EVERY_MS);
}

byId("status").addEventListener("change", () => { pages = 1; show(); });
byId("more").addEventListener("click", () => { pages += 1; show(); });
byId("close").addEventListener("click", () => { shownJob = null; byId("detail").hidden = true; });
show().then(() => setTimeout(keepShowing, EVERY_MS));
