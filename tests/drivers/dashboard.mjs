// A person at the dashboard, in a real browser without a window: logs in, looks, searches, sorts, and meets what goes wrong.
//
// URL, TOKEN: where and with what. TENANT: one that is busy. SHOTS: a directory for pictures, or nothing. Says a line for each
// thing proved; waits for a line on standard input where the test changes something.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import assert from "node:assert/strict";

const require_ = createRequire(`${process.env.NODE_MODULES}/story`);
const { chromium } = require_("playwright-core");
const axe = require_.resolve("axe-core");
const { URL: base, TOKEN: token, TENANT: tenant, SHOTS: shots } = process.env;

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const prove = (what) => console.log(what);
const turn = async (what) => { console.log(`== ${what}`); await lines.next(); };

const browser = await chromium.launch({ executablePath: process.env.BROWSER, args: ["--no-sandbox"] });
const wrong = [];

async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  page.on("pageerror", (error) => wrong.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" && !/status of (401|503|429)|ERR_|Failed to fetch/.test(message.text())) wrong.push(message.text());
  });
  // Nothing of it comes from elsewhere.
  page.on("request", (request) => {
    if (!request.url().startsWith(base) && !request.url().startsWith("data:")) wrong.push(`asks ${request.url()}`);
  });
  return page;
}

async function logIn(page) {
  await page.goto(base);
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("heading", { level: 1, name: "All is well" }).waitFor();
}

// Rules of WCAG 2.2 A and AA, by axe. The page's policy lets no script of a test in, so it is put in from outside.
async function accessible(page, what) {
  await page.evaluate(await (await import("node:fs/promises")).readFile(axe, "utf8"));
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const found = await page.evaluate((values) => globalThis.axe.run({ runOnly: { type: "tag", values } }), tags);
  const told = found.violations.map((rule) => `${rule.id}: ${rule.nodes.map((node) => node.target).join(" ")}`);
  assert.deepEqual(told, [], what);
}

const fits = (page) => page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);
const cell = (page, column) => page.locator(`#tenant-rows tr:has(th:has-text("${tenant}")) td`).nth(column);
const until = (page, what, test, value) => page.waitForFunction(test, value, { timeout: 15_000 }).catch((error) => { throw new Error(`${what}: ${error.message}`); });

const page = await open();
await page.goto(base);
await accessible(page, "the page to log in");
await page.getByLabel("Token").fill("a token that is none");
await page.keyboard.press("Enter");
await page.getByText("This token is not good here.").waitFor();
prove("a wrong token is refused in words");
await logIn(page);
assert.equal(await page.evaluate(() => document.cookie), "", "no script reads the session");
prove("a token opens the dashboard");

await until(page, "numbers of the tenant come", (name) => {
  const row = [...document.querySelectorAll("#tenant-rows tr")].find((row) => row.textContent.startsWith(name));
  return row && Number.parseFloat(row.children[1].textContent) > 0 && row.children[4].textContent !== "0";
}, tenant);
prove("a tenant's rate and clients are shown");
await page.locator("#pin-rows tr", { hasText: "temporary object" }).waitFor();
await page.locator("#denial-rows li", { hasText: "cross schema" }).first().waitFor();
const statement = await page.locator("#denial-rows code").first().textContent();
assert.match(statement, /\?/);
assert.ok(!statement.includes("canary"), "no constant is shown");
prove("pins and refusals are shown, without constants");
assert.equal(await page.locator("#denial-rows b").count(), 0);
await page.locator("#denial-rows", { hasText: "<b>" }).waitFor();
prove("what clients call themselves is text and not markup");

const before = await page.locator("#uptime").textContent();
await until(page, "it goes on by itself", (text) => document.getElementById("uptime").textContent !== text, before);
prove("numbers change by themselves");
await page.getByRole("button", { name: "Pause" }).click();
assert.equal(await page.getByRole("button", { name: "Pause" }).getAttribute("aria-pressed"), "true");
const calls = [];
page.on("request", (request) => calls.push(request.url()));
await page.waitForTimeout(2500);
assert.deepEqual(calls, []);
await page.getByRole("button", { name: "Pause" }).click();
prove("it can be paused");

const names = () => page.locator("#tenant-rows tr th span").allTextContents();
await page.getByRole("button", { name: "Tenant", exact: true }).focus();
await page.keyboard.press("Enter");
await page.locator('th[data-column=tenant][aria-sort=ascending]').waitFor();
await until(page, "they are sorted", () => {
  const names = [...document.querySelectorAll("#tenant-rows tr th span")].map((node) => node.textContent);
  return names.length > 1 && names.every((name, nth) => nth === 0 || names[nth - 1] <= name);
});
prove("the table is sorted from the keyboard");
await page.getByLabel("Search tenants by name").fill(tenant.toUpperCase());
await until(page, "one is found", () => document.querySelectorAll("#tenant-rows tr").length === 1);
assert.deepEqual(await names(), [tenant]);
await page.getByLabel("Search tenants by name").fill("no such tenant");
await page.getByText("No tenant's name has that in it.").waitFor();
await page.getByLabel("Search tenants by name").fill("");
prove("tenants are found by a part of their name");
await page.getByLabel("also without clients").check();
await page.getByRole("navigation", { name: "Pages of tenants" }).waitFor();
assert.equal((await names()).length, 50);
await page.getByRole("button", { name: "Next" }).click();
await page.getByText(/^Page 2 of /).waitFor();
prove("many tenants come by the page");
await page.getByLabel("also without clients").uncheck();
await page.getByRole("button", { name: /^Transactions/ }).click();
await until(page, "the first page is back", () => document.getElementById("pages").hidden);

for (const [width, height, colorScheme] of [[1280, 900, "light"], [1280, 900, "dark"], [375, 812, "light"], [375, 812, "dark"], [320, 640, "light"]]) {
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
  assert.ok(await fits(page), `${width} px are wide enough`);
  // Colours and widths both, each once: it takes its time.
  if ((width > 400) === (colorScheme === "light")) await accessible(page, `${width} px, ${colorScheme}`);
  if (shots) await page.screenshot({ path: `${shots}/dashboard-${width < 400 ? "phone" : "desktop"}-${colorScheme}.png`, fullPage: width > 400 });
}
prove("it fits a phone and a desk, light and dark, and axe finds nothing");
await page.setViewportSize({ width: 1280, height: 900 });
await page.emulateMedia({ colorScheme: "light" });

await turn("all is well");
await page.getByRole("heading", { level: 1, name: "Not serving" }).waitFor({ timeout: 20_000 });
await page.getByText("PostgreSQL cannot be reached").waitFor();
assert.match(await page.title(), /^Not serving/);
if (shots) await page.screenshot({ path: `${shots}/dashboard-outage.png` });
prove("an outage is told in words");
await turn("outage seen");
await page.getByRole("heading", { level: 1, name: "All is well" }).waitFor({ timeout: 30_000 });
prove("so is its end");

await page.route("**/v1/overview*", (route) => route.abort());
await page.getByText("What is shown is old.").waitFor();
await page.unroute("**/v1/overview*");
await page.getByRole("heading", { level: 1, name: "All is well" }).waitFor();
assert.ok(await page.locator("#lost").isHidden());
prove("a proxy that does not answer is not taken for one that is well");

await page.context().clearCookies();
await page.getByLabel("Token").waitFor();
prove("the end of a session leads back to the login");
await logIn(page);
await page.getByRole("button", { name: "Log out" }).click();
await page.getByLabel("Token").waitFor();
prove("somebody logs out");

await browser.close();
assert.deepEqual(wrong, []);
console.log("== end");
// The lines that could still come would keep it alive.
process.stdin.destroy();
