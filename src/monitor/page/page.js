// The dashboard: asks for everything each two seconds and shows it. Data is only ever put in as text.
"use strict";

const PERIOD = 2000;
const PATIENCE = 10000;
const ROWS = 50;
const $ = (id) => document.getElementById(id);
const ask = { search: "", sort: "transactions", ascending: false, page: 0, all: false };
let paused = false;
let timer = 0;
let asking = null;
let lastSeen = 0;

// ---- numbers for people

const whole = new Intl.NumberFormat("en");

function number(value) {
  if (value === null || value === undefined) return "…";
  if (value >= 1e6) return (value / 1e6).toFixed(value < 1e7 ? 1 : 0) + "M";
  if (value >= 1e5) return Math.round(value / 1e3) + "k";
  if (value >= 10 || Number.isInteger(value)) return whole.format(Math.round(value));
  return value < 0.05 ? "0" : value.toFixed(1);
}

function bytes(value) {
  if (value === null || value === undefined) return "…";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) { value /= 1024; unit += 1; }
  return (value >= 10 || unit === 0 ? Math.round(value) : value.toFixed(1)) + " " + units[unit];
}

// Seconds, as they are measured: from microseconds to minutes.
function time(value) {
  if (value === null || value === undefined) return "–";
  if (value < 0.001) return Math.round(value * 1e6) + " µs";
  if (value < 0.1) return (value * 1e3).toFixed(1) + " ms";
  if (value < 1) return Math.round(value * 1e3) + " ms";
  return value < 10 ? value.toFixed(1) + " s" : long(value);
}

// Seconds, as they pass.
function long(value) {
  const seconds = Math.floor(value);
  if (seconds < 100) return seconds + " s";
  if (seconds < 6000) return Math.floor(seconds / 60) + " min";
  if (seconds < 172800) return Math.floor(seconds / 3600) + " h";
  return Math.floor(seconds / 86400) + " d";
}

// ---- putting things in

function text(node, value) {
  if (node.textContent !== value) node.textContent = value;
}

function show(id, value) { text($(id), value); }

function make(name, className, content) {
  const node = document.createElement(name);
  if (className) node.className = className;
  if (content !== undefined) node.textContent = content;
  return node;
}

// Makes `parent` have as many children as there are rows, and fills each; what is there is used again.
function fill(parent, rows, create, update) {
  while (parent.children.length > rows.length) parent.lastElementChild.remove();
  while (parent.children.length < rows.length) parent.append(create());
  rows.forEach((row, nth) => update(parent.children[nth], row));
}

function tableRow(cells) {
  return () => {
    const row = make("tr");
    cells.forEach((kind, nth) => {
      const cell = make(nth === 0 ? "th" : "td", kind);
      if (nth === 0) { cell.scope = "row"; cell.append(make("span"), make("small")); }
      row.append(cell);
    });
    return row;
  };
}

function name(row, value, more) {
  text(row.children[0].children[0], value);
  text(row.children[0].children[1], more || "");
}

const SVG = "http://www.w3.org/2000/svg";

// A small chart; what it says stands beside it as text, so it is hidden from who does not see it.
function chart(id, values) {
  const box = $(id);
  let svg = box.firstElementChild;
  if (!svg) {
    svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 149 30");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    for (const kind of ["area", "line"]) {
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("class", kind);
      svg.append(path);
    }
    box.append(svg);
  }
  const most = Math.max(...values.map((value) => value || 0), 0);
  const from = 150 - values.length;
  const points = values.map((value, nth) => {
    const up = most > 0 ? ((value || 0) / most) * 27 : 0;
    return (from + nth) + "," + (28.5 - up).toFixed(1);
  });
  const line = points.length > 1 ? "M" + points.join("L") : "";
  svg.children[1].setAttribute("d", line);
  svg.children[0].setAttribute("d", line ? line + "L149,30L" + from + ",30Z" : "");
}

// ---- what is shown

function showStatus(seen) {
  const stopped = seen.paused ? "Paused" : seen.suspended ? "Suspended" : "";
  const problems = stopped ? [...seen.problems, { why: "an operator has " + stopped.toLowerCase() + " all tenants: their clients wait until RESUME" }] : seen.problems;
  const draining = seen.problems.some((problem) => problem.problem === "draining");
  const state = !seen.ready ? "bad" : problems.length > 0 ? "warn" : "well";
  const word = draining ? "Shutting down" : !seen.ready ? "Not serving" : stopped ? stopped : state === "warn" ? "Serving, with a problem" : "All is well";
  $("status").dataset.state = state;
  show("status-word", word);
  document.title = (state === "well" ? "" : word + " – ") + "pgtenant " + seen.database;
  fill($("problems"), problems, () => make("li"), (node, problem) => text(node, sentence(problem.why)));
}

function sentence(words) { return words.charAt(0).toUpperCase() + words.slice(1) + "."; }

function warn(id, is) {
  if (is) $(id).dataset.state = "warn"; else delete $(id).dataset.state;
}

function showNow(seen) {
  const lately = seen.lately;
  const totals = seen.totals;
  const used = Math.max(totals.servers - totals.servers_idle, 0);
  show("tx", number(lately.transactions));
  show("tx-note", number(lately.queries) + " texts judged/s");
  show("wait", time(lately.wait_p99));
  show("wait-note", lately.wait_p50 === null ? "nothing in the last minute" : "p50 " + time(lately.wait_p50));
  show("total", time(lately.total_p99));
  show("total-note", lately.total_p50 === null ? "nothing in the last minute" : "p50 " + time(lately.total_p50));
  show("waiting", whole.format(totals.waiting));
  const full = totals.servers >= totals.servers_limit && totals.servers_idle === 0;
  show("waiting-note", totals.waiting === 0 ? "nobody" : full ? "all connections are at work" : "in " + seen.queues.length + (seen.queues.length === 1 ? " queue" : " queues"));
  warn("tile-waiting", totals.waiting > 0 && full);
  show("servers", used + " of " + totals.servers_limit);
  show("servers-note", totals.servers_idle + " idle, " + totals.pinned + " pinned");
  warn("tile-servers", used >= totals.servers_limit);
  show("clients", whole.format(totals.clients));
  show("clients-note", "of " + whole.format(totals.clients_limit) + "; " + whole.format(totals.clients_idle) + " idle");
  warn("tile-clients", totals.clients >= totals.clients_limit * 0.9);
  show("denials", whole.format(lately.denials));
  show("denials-note", lately.auth_failures > 0 ? whole.format(lately.auth_failures) + " failed logins" : "no failed logins");
  show("bytes", bytes(lately.received + lately.sent));
  show("bytes-note", bytes(lately.received) + " in, " + bytes(lately.sent) + " out");
  const charts = seen.charts;
  chart("chart-tx", charts.transactions);
  chart("chart-wait", charts.wait_p99);
  chart("chart-total", charts.total_p99);
  chart("chart-bytes", charts.bytes);
  chart("chart-waiting", charts.waiting);
  chart("chart-servers", charts.servers);
  chart("chart-clients", charts.clients);
  chart("chart-denials", charts.denials);
}

const tenantRow = tableRow(["name", "", "", "", "", "", "", "", ""]);

function showTenants(seen) {
  const tenants = seen.tenants;
  const isSearch = ask.search !== "";
  show("tenants-count", tenants.found === tenants.all ? whole.format(tenants.all) : whole.format(tenants.found) + " of " + whole.format(tenants.all));
  fill($("tenant-rows"), tenants.rows, tenantRow, (row, tenant) => {
    const elsewhere = tenant.cluster === "main" ? "" : "cluster " + tenant.cluster;
    const notes = [tenant.level, elsewhere, tenant.paused ? "paused" : "", tenant.suspended ? "suspended" : "", tenant.disabled ? "disabled" : ""];
    name(row, tenant.tenant, notes.filter((note) => note).join(", "));
    const cells = [
      number(tenant.transactions), number(tenant.queries), bytes(tenant.bytes), whole.format(tenant.clients),
      whole.format(tenant.waiting), whole.format(tenant.servers), whole.format(tenant.pinned), whole.format(tenant.denials),
    ];
    cells.forEach((value, nth) => {
      const cell = row.children[nth + 1];
      text(cell, value);
      const hot = nth === 4 && tenant.waiting > 0;
      cell.className = hot ? "hot" : value === "0" || value === "0 B" ? "none" : "";
    });
  });
  const empty = $("tenants-empty");
  empty.hidden = tenants.rows.length > 0;
  text(empty, isSearch ? "No tenant's name has that in it." : tenants.all === 0 ? "There are no tenants in service." : "No tenant has clients now.");
  const pages = Math.max(Math.ceil(tenants.found / ROWS), 1);
  $("pages").hidden = pages === 1;
  show("page-now", "Page " + (ask.page + 1) + " of " + pages);
  $("earlier").disabled = ask.page === 0;
  $("later").disabled = ask.page >= pages - 1;
  if (ask.page >= pages) { ask.page = pages - 1; soon(); }
}

const queueRow = tableRow(["name", "", "", "text"]);
const pinRow = tableRow(["name", "text", "", "text", "text", ""]);

function showRest(seen) {
  fill($("queue-rows"), seen.queues, queueRow, (row, queue) => {
    name(row, queue.tenant);
    [whole.format(queue.waiting), time(queue.longest), queue.for_rate ? "its rate" : "a connection"].forEach((value, nth) => text(row.children[nth + 1], value));
  });
  $("queues-empty").hidden = seen.queues.length > 0;
  $("queue-rows").parentElement.hidden = seen.queues.length === 0;
  show("queues-count", seen.queues.length > 0 ? String(seen.queues.length) : "");
  fill($("pin-rows"), seen.pins, pinRow, (row, pin) => {
    name(row, pin.tenant);
    [pin.reason.replaceAll("_", " "), long(pin.seconds), pin.user, pin.application, String(pin.client)].forEach((value, nth) => text(row.children[nth + 1], value));
  });
  $("pins-empty").hidden = seen.pins.length > 0;
  $("pin-rows").parentElement.hidden = seen.pins.length === 0;
  show("pins-count", seen.totals.pinned > 0 ? whole.format(seen.totals.pinned) : "");
  fill($("denial-rows"), seen.denials, denialRow, (row, denial) => {
    text(row.children[0], long(denial.ago) + " ago");
    [denial.rule.replaceAll("_", " "), denial.sqlstate, "tenant " + denial.tenant, "user " + denial.user, "from " + denial.peer].forEach((value, nth) => text(row.children[1].children[nth], value));
    text(row.children[2], denial.statement);
  });
  $("denials-empty").hidden = seen.denials.length > 0;
  show("denials-count", "");
}

function denialRow() {
  const row = make("li");
  const what = make("span", "what");
  what.append(make("span", "rule"), make("span"), make("span"), make("span", "quiet"), make("span", "quiet"));
  row.append(make("span", "when"), what, make("code"));
  return row;
}

function render(seen) {
  show("database", seen.database);
  show("version", "version " + seen.version + ",");
  show("uptime", "up " + long(seen.uptime));
  showStatus(seen);
  showNow(seen);
  showTenants(seen);
  showRest(seen);
}

// ---- asking

async function refresh() {
  window.clearTimeout(timer);
  if (asking) asking.abort();
  const mine = new AbortController();
  asking = mine;
  const late = window.setTimeout(() => mine.abort("late"), PATIENCE);
  try {
    const query = new URLSearchParams({ ...ask, rows: ROWS });
    const response = await fetch("/v1/overview?" + query, { signal: mine.signal, headers: { accept: "application/json" } });
    if (response.status === 401 || response.status === 403) {
      window.location.reload();
      return;
    }
    if (!response.ok) throw new Error("the proxy answered " + response.status);
    const seen = await response.json();
    lastSeen = Date.now();
    $("lost").hidden = true;
    render(seen);
  } catch (error) {
    if (asking !== mine) return;
    lost();
  } finally {
    window.clearTimeout(late);
  }
  if (asking === mine) {
    asking = null;
    later();
  }
}

function lost() {
  const since = lastSeen ? " for " + long((Date.now() - lastSeen) / 1000) : "";
  text($("lost"), "The proxy has not answered" + since + ". What is shown is old.");
  $("lost").hidden = false;
  $("status").dataset.state = "bad";
  show("status-word", "No answer");
  document.title = "No answer – pgtenant";
}

function later() {
  window.clearTimeout(timer);
  if (!paused && !document.hidden) timer = window.setTimeout(refresh, PERIOD);
}

function soon() {
  window.clearTimeout(timer);
  timer = window.setTimeout(refresh, 0);
}

// ---- what a person does

function markSort() {
  for (const head of document.querySelectorAll("th[data-column]")) {
    if (head.dataset.column === ask.sort) head.setAttribute("aria-sort", ask.ascending ? "ascending" : "descending");
    else head.removeAttribute("aria-sort");
  }
}

for (const head of document.querySelectorAll("th[data-column]")) {
  head.querySelector("button").addEventListener("click", () => {
    const column = head.dataset.column;
    ask.ascending = ask.sort === column ? !ask.ascending : column === "tenant";
    ask.sort = column;
    ask.page = 0;
    markSort();
    soon();
  });
}

let typing = 0;
$("search").addEventListener("input", () => {
  window.clearTimeout(typing);
  typing = window.setTimeout(() => {
    ask.search = $("search").value.trim();
    ask.page = 0;
    soon();
  }, 200);
});
$("find").addEventListener("submit", (event) => event.preventDefault());
$("all").addEventListener("change", () => { ask.all = $("all").checked; ask.page = 0; soon(); });
$("earlier").addEventListener("click", () => { ask.page = Math.max(ask.page - 1, 0); soon(); });
$("later").addEventListener("click", () => { ask.page += 1; soon(); });
$("pause").addEventListener("click", () => {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", String(paused));
  if (paused) window.clearTimeout(timer); else soon();
});
document.addEventListener("visibilitychange", () => { if (!document.hidden && !paused) soon(); });

markSort();
refresh();
