// The pictures of docs/dashboard.md, of a proxy that has been at work for two minutes. URL, TOKEN: where and with what; they go to docs/img.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { chromium } = createRequire(`${process.env.NODE_MODULES}/story`)("playwright-core");
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const shots = new URL("../../docs/img/", import.meta.url).pathname;
const browser = await chromium.launch({ executablePath: process.env.BROWSER, args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
await page.goto(process.env.URL);
await page.getByLabel("Token").fill(process.env.TOKEN);
await page.keyboard.press("Enter");
await page.waitForFunction(() => document.getElementById("uptime")?.textContent === "up 2 min", undefined, { timeout: 180_000 });
const shoot = (name) => page.screenshot({ path: `${shots}dashboard-${name}.png` });
for (const [name, width, height] of [["desktop", 1280, 1000], ["phone", 375, 812]]) {
  for (const colorScheme of ["light", "dark"]) {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.waitForTimeout(500);
    await shoot(`${name}-${colorScheme}`);
  }
}
await page.setViewportSize({ width: 1280, height: 420 });
await page.emulateMedia({ colorScheme: "light" });
console.log("== all is well");
await lines.next();
await page.getByRole("heading", { name: "Not serving" }).waitFor({ timeout: 30_000 });
await page.waitForTimeout(8_000);
await shoot("outage");
await browser.close();
console.log("== end");
// The lines that could still come would keep it alive.
process.stdin.destroy();
