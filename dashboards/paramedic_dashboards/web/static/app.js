// The page is whole without this file. It adds: live updates, local times, charts one can point at, and the controls.
// Text from outside is only ever set as text; markup comes from our own server, which has escaped it.

const root = document.documentElement.dataset.root || "./";
const url = (path) => new URL(root + path, location.href).href;
const said = document.getElementById("said");
const served = new Map(); // what the server last sent for each live part, before local times were put in

function say(text) {
  said.textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { said.textContent = ""; }, 6000);
}

function localTimes(within) {
  const today = new Date().toDateString();
  for (const node of within.querySelectorAll("time[data-clock]")) {
    const at = new Date(node.dateTime);
    if (isNaN(at)) continue;
    const clock = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    const day = at.toDateString() === today ? "" : at.toLocaleDateString([], { day: "numeric", month: "short" }) + " ";
    node.textContent = day + clock;
    node.title = at.toLocaleString();
  }
}

// Log lines carry the time to the millisecond, in the reader's zone.
function stamps(within) {
  const today = new Date().toDateString();
  for (const node of within.querySelectorAll("time[data-stamp]")) {
    const at = new Date(node.dateTime);
    if (isNaN(at)) continue;
    const clock = at.toLocaleTimeString([], { hourCycle: "h23" }) + "." + String(at.getMilliseconds()).padStart(3, "0");
    const day = at.toDateString() === today ? "" : at.toLocaleDateString([], { day: "numeric", month: "short" }) + " ";
    node.textContent = day + clock;
    node.title = at.toISOString();
  }
}

// "Last look N s ago": counted here between two beats, so that it goes on when the hub falls silent.

let look = null; // { at, skew }: the engine's last word, and how far our clock is from the hub's
let heard = true;

function span(seconds) {
  if (seconds < 120) return `${Math.max(0, Math.round(seconds))} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}

function tick() {
  const node = document.querySelector("[data-at]");
  if (!node || !look) return;
  const age = Date.now() / 1000 + look.skew - look.at;
  const stale = age > 75 || !heard;
  node.textContent = `${span(age)} ago${stale ? " (stale)" : ""}`;
  node.classList.toggle("stale", stale);
}

function readLook() {
  const node = document.querySelector("[data-at]");
  if (!node) return;
  look = { at: +node.dataset.at, skew: +node.dataset.now - Date.now() / 1000 };
  heard = !node.classList.contains("stale");
}

// Live parts: the same page is fetched again, and each part that differs is swapped.

let wanted = false;
let busy = false;

async function refresh() {
  if (busy) { wanted = true; return; }
  busy = true;
  wanted = false;
  try {
    const answer = await fetch(location.href, { cache: "no-store", redirect: "manual" });
    if (answer.type === "opaqueredirect" || answer.status === 401) { location.reload(); return; }
    if (answer.ok) swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    heard = false; // the hub is away: the age of what is shown says so
  } finally {
    setTimeout(() => { busy = false; if (wanted) refresh(); }, 1000);
  }
}

const REACHABLE = "a[href],button,select,input,summary";

// Where the focus is inside a part, so that it is there again when the part has been swapped.
function hold(part) {
  const active = document.activeElement;
  if (!part.contains(active)) return null;
  const index = [...part.querySelectorAll(REACHABLE)].indexOf(active);
  return { self: part === active, index, href: active.getAttribute("href") };
}

function release(part, held) {
  if (!held) return;
  const all = [...part.querySelectorAll(REACHABLE)];
  const same = all[held.index]?.getAttribute("href") === held.href;
  const next = held.self ? part : (same && all[held.index]) || all.find((n) => n.getAttribute("href") === held.href);
  next?.focus({ preventScroll: true });
}

function swap(fresh) {
  for (const part of fresh.querySelectorAll("[data-live][id]")) {
    const old = document.getElementById(part.id);
    const html = part.outerHTML;
    if (!old || served.get(part.id) === html) continue;
    if (old.contains(document.activeElement) && document.activeElement.matches("select,input,textarea")) continue;
    served.set(part.id, html);
    const held = hold(old);
    const opened = [...old.querySelectorAll("details[open][id]")].map((d) => d.id);
    old.replaceWith(document.adoptNode(part));
    localTimes(part);
    stamps(part);
    for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
    release(part, held);
  }
  if (fresh.title) document.title = fresh.title;
  readLook();
  tick();
}

let polling = 0;
function poll(seconds) {
  clearInterval(polling);
  polling = seconds ? setInterval(refresh, seconds * 1000) : 0;
}

function listen() {
  const stream = new EventSource(url("api/v1/live"));
  let lost = false;
  stream.addEventListener("open", () => {
    poll(0);
    if (lost) refresh();
    lost = false;
  });
  for (const topic of ["world", "healing", "vitals"]) stream.addEventListener(topic, refresh);
  stream.addEventListener("vitals", charts);
  stream.addEventListener("beat", (event) => {
    const beat = JSON.parse(event.data);
    if (heard !== beat.heard) refresh();
    heard = beat.heard;
    if (beat.at) look = { at: beat.at, skew: beat.now - Date.now() / 1000 };
    tick();
  });
  stream.addEventListener("error", () => {
    lost = true;
    heard = false;
    if (!polling) poll(10);
    // A refusal (as many pages as may be are live already) closes it for good: poll, and ask again later.
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 60000);
  });
  addEventListener("pagehide", () => stream.close(), { once: true });
}

// Following a log: new lines come by server-sent events, and are only ever text.

const MOST_LINES = 2000;
const TONES = { warn: "warn", error: "bad", fatal: "bad" };
let following = null;

function piece(tag, className, text) {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}

// Without a terminal's orders; what does not print is a mark. As `clean` does on the server.
function plainText(text) {
  const orders = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])/g;
  const unseen = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g;
  return text.slice(0, 8000).replace(orders, "").replace(unseen, "\ufffd").slice(0, 4000);
}

function lineNode(line) {
  const node = piece("li", line.gap ? "mark" : "", "");
  if (line.gap) {
    node.append(piece("span", "", `lines are missing here: ${line.gap.reason}`));
    return node;
  }
  const time = document.createElement("time");
  time.dateTime = new Date(line.at * 1000).toISOString();
  time.dataset.stamp = "";
  const level = line.level || (line.stream === "stderr" ? "stderr" : "");
  node.append(time, piece("span", "who", line.container + (line.claimed ? " (claimed)" : "")));
  node.append(piece("span", `lvl ${TONES[level] || ""}`, level), piece("code", "", plainText(line.text)));
  stamps(node);
  return node;
}

function show(list, node) {
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  list.querySelector(".none")?.remove();
  list.append(node);
  while (list.children.length > MOST_LINES) list.firstElementChild.remove();
  if (atEnd) list.scrollTop = list.scrollHeight;
}

function follow(button) {
  const list = document.getElementById("lines");
  if (following) {
    following.close();
    following = null;
  } else {
    following = new EventSource(url(`api/v1/logs/tail?${button.dataset.tail}`));
    list.scrollTop = list.scrollHeight;
    following.addEventListener("line", (event) => show(list, lineNode(JSON.parse(event.data))));
    following.addEventListener("missed", (event) => {
      const node = piece("li", "mark", "");
      node.append(piece("span", "", `${JSON.parse(event.data).missed} lines came too fast to be shown`));
      show(list, node);
    });
    following.addEventListener("away", (event) => say(JSON.parse(event.data).reason));
    following.addEventListener("error", () => {
      if (following?.readyState !== EventSource.CLOSED) return;
      say("As many pages as may be follow already: try again in a while.");
      follow(button);
    });
    addEventListener("pagehide", () => following?.close(), { once: true });
  }
  button.textContent = following ? "Stop following" : "Follow";
  button.setAttribute("aria-pressed", String(Boolean(following)));
}

// Charts.

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const second = (t) => new Date(t * 1000).toLocaleTimeString([], { hourCycle: "h23" });
const hour = (t) => new Date(t * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const bytes = (v) => (v >= 1e9 ? `${(v / 1e9).toFixed(1)} GB` : v >= 1e6 ? `${(v / 1e6).toFixed(0)} MB` : `${(v / 1e3).toFixed(0)} kB`);

async function charts() {
  const places = [...document.querySelectorAll("[data-chart]")];
  if (!places.length || !window.uPlot) return;
  const service = places[0].dataset.service;
  const answer = await fetch(url(`api/v1/history?service=${encodeURIComponent(service)}&range=${document.querySelector("[data-range]")?.value || ""}`));
  if (!answer.ok) return;
  const history = await answer.json();
  const end = Date.parse(history.end_at || new Date().toISOString()) / 1000;
  for (const place of places) {
    const values = history.series[place.dataset.chart] || [];
    const times = values.map((_, i) => end - (values.length - 1 - i) * history.interval_seconds);
    draw(place, [times, values], place.dataset.chart.endsWith("bytes") ? bytes : (v) => v.toFixed(2));
  }
}

function draw(place, data, show) {
  place.plot?.destroy();
  place.replaceChildren();
  if (!data[1].some((v) => v !== null)) {
    place.textContent = "No figures yet.";
    place.className = "dim nothing";
    return;
  }
  const grid = { stroke: css("--line"), width: 1 };
  const axis = { stroke: css("--faint"), grid, ticks: { show: false }, font: "11px system-ui" };
  place.className = "";
  place.plot = new window.uPlot({
    width: place.clientWidth,
    height: 150,
    legend: { show: false },
    cursor: { y: false, points: { size: 7 } },
    hooks: { setCursor: [(u) => point(place, u, show)] },
    scales: { y: { range: (_u, _low, high) => [0, (high || 1) * 1.15] } },
    series: [{}, { points: { show: false }, stroke: css("--act"), width: 1.5, fill: css("--tint") }],
    axes: [{ ...axis, size: 30, values: (_u, ticks) => ticks.map(ticks[1] - ticks[0] < 60 ? second : hour) }, { ...axis, size: 62, values: (_u, ticks) => ticks.map(show) }],
  }, data, place);
}

// The value under the pointer, beside the chart's title.
function point(place, u, show) {
  const heading = place.previousElementSibling;
  const value = u.cursor.idx == null ? null : u.data[1][u.cursor.idx];
  heading.querySelector("b")?.remove();
  if (value == null) return;
  const mark = document.createElement("b");
  mark.textContent = `${show(value)} at ${hour(u.data[0][u.cursor.idx])}`;
  heading.append(mark);
}

// What a person may do. Every one of these is a JSON request that the server judges.

async function ask(method, path, body) {
  const answer = await fetch(url(path), {
    method,
    headers: { "Content-Type": "application/json" },
    body: body ? JSON.stringify(body) : undefined,
  });
  const value = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(value.detail || `HTTP ${answer.status}`);
  return value;
}

async function attempt(work, done) {
  try {
    const own = await work();
    const words = typeof own === "string" ? own : done;
    if (words) say(words);
    refresh();
  } catch (error) {
    say(error.message);
  }
}

async function login(token) {
  await ask("POST", "api/v1/session", { token });
  location.replace(url(""));
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method === "get" && form.hasAttribute("action")) return;
  event.preventDefault();
  if (form.matches("[data-login]")) attempt(() => login(form.token.value.trim()));
  if (form.matches("[data-mode-of]")) {
    const key = form.dataset.modeOf;
    const path = `api/v1/services/${key.split("/").map(encodeURIComponent).join("/")}/heal`;
    document.activeElement?.blur();
    attempt(async () => {
      const given = await ask("PUT", path, { mode: form.mode.value });
      const stays = given.mode && given.mode !== given.effective ? `, but it stays ${given.effective}: ${given.why}` : "";
      return `${key}: switched${stays}.`;
    });
  }
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-freeze],[data-logout],[data-tail]");
  if (!button) return;
  if (button.matches("[data-tail]")) follow(button);
  else if (button.matches("[data-logout]")) attempt(async () => { await ask("DELETE", "api/v1/session"); location.reload(); });
  else {
    const on = button.dataset.freeze === "on";
    attempt(() => ask("POST", "api/v1/freeze", { on, reason: "from the page" }), on ? "Frozen: nothing is touched." : "Acting again.");
  }
});

for (const choice of document.querySelectorAll("[data-range]")) {
  choice.closest("[hidden]")?.removeAttribute("hidden"); // without this file there are no charts to choose for
  choice.addEventListener("change", charts);
}
for (const part of document.querySelectorAll("[data-live][id]")) served.set(part.id, part.outerHTML);
localTimes(document);
stamps(document);
document.querySelector("nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
for (const list of document.querySelectorAll(".log")) list.scrollTop = list.scrollHeight;
for (const button of document.querySelectorAll("[data-tail]")) button.hidden = false;
readLook();
setInterval(tick, 1000);
if (document.querySelector("[data-login]")) {
  // A login link carries its token behind the #, which no server and no log sees; it leaves the address at once.
  const token = location.hash.slice(1);
  if (token) {
    history.replaceState(null, "", location.pathname);
    attempt(() => login(token));
  }
} else if (document.querySelector("[data-live]")) {
  listen();
  charts();
}
