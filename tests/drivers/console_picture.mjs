// The picture of docs/console.md: what a terminal shows, from standard input, as a page. A line that begins with `$ ` or `name=# ` is what was typed.

import { createRequire } from "node:module";
import { text } from "node:stream/consumers";

const { chromium } = createRequire(`${process.env.NODE_MODULES}/story`)("playwright-core");
const escape = (line) => line.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);
const prompt = /^(\$ |\w+=[#>] )(.*)$/;
const said = (await text(process.stdin)).trimEnd().split("\n").map((line) => {
  const typed = prompt.exec(line);
  return typed ? `<b>${escape(typed[1])}</b><i>${escape(typed[2])}</i>` : escape(line);
});
const page = await (async () => {
  const browser = await chromium.launch({ executablePath: process.env.BROWSER, args: ["--no-sandbox"] });
  return browser.newPage({ viewport: { width: 1400, height: 400 }, deviceScaleFactor: 1.5 });
})();
await page.setContent(`<!doctype html><style>
  body { margin: 0; padding: 14px; background: #e9ecef; }
  main { display: inline-block; border-radius: 8px; background: #16191f; box-shadow: 0 2px 10px #0005; }
  header { padding: 9px 12px; font: 12px sans-serif; color: #9aa4b2; border-bottom: 1px solid #2a303a; }
  pre { margin: 0; padding: 12px 16px 16px; font: 13px/1.35 "DejaVu Sans Mono", monospace; color: #d6dbe3; }
  b { color: #7fb069; font-weight: normal; } i { color: #fff; font-style: normal; }
</style><main><header>psql</header><pre>${said.join("\n")}</pre></main>`);
await page.locator("body").screenshot({ path: process.env.PICTURE });
const box = await page.locator("main").boundingBox();
await page.screenshot({ path: process.env.PICTURE, fullPage: true, clip: { x: 0, y: 0, width: box.width + 28, height: box.height + 28 } });
await page.context().browser().close();
