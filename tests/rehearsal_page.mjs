// Opens the page of a rehearsal in a real browser, follows its links and says what it saw, as JSON:
//   node rehearsal_page.mjs NODE_MODULES CHROMIUM PROFILE PAGE PICTURE PAGE_WITH_PAIRS
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [parts, executablePath, userDataDir, file, picture, pairs] = process.argv.slice(2);
const puppeteer = createRequire(parts + "/")("puppeteer-core");

// As root it would not start with its sandbox; containers give it little shared memory.
const browser = await puppeteer.launch({ executablePath, userDataDir, headless: true, timeout: 120000,
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-proxy-server", "--disable-background-networking"] });

const shown = (page) => page.$$eval(".panel", (all) => all
  .filter((panel) => getComputedStyle(panel).display !== "none")
  .map((panel) => ({ id: panel.id, text: panel.innerText })));

// Whether anything stands out of the window, but for what scrolls by itself.
const overflows = (page) => page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);

// The second table: what stands in its cells, and where the one that failed leads.
const seenOfPairs = async (page) => {
  await page.setViewport({ width: 1280, height: 900 });
  await page.goto(pathToFileURL(pairs).href, { waitUntil: "load", timeout: 120000 });
  const seen = { table: await page.$$eval("#pairs ~ .wide .matrix tr", (rows) => rows
      .map((row) => [...row.cells].map((cell) => cell.textContent))), wide: await overflows(page),
    dead: await page.$$eval('a[href^="#"]', (all) => all.map((a) => a.getAttribute("href").slice(1))
      .filter((id) => !document.getElementById(id))) };
  await page.click("#pairs ~ .wide .matrix td.failed a");
  seen.cell = await shown(page);
  await page.click(".panel:target li a");
  seen.schedule = await shown(page);
  await page.screenshot({ path: picture.replace(".png", "-pair.png") });
  await page.click(".panel:target .close");
  seen.closed = await shown(page);
  return seen;
};

try {
  const page = await browser.newPage();
  const problems = [], asked = [];
  page.on("pageerror", (e) => problems.push(String(e)));
  page.on("console", (said) => problems.push(said.text()));
  page.on("request", (r) => asked.push(new URL(r.url()).protocol));
  await page.setViewport({ width: 1280, height: 900 });
  await page.goto(pathToFileURL(file).href, { waitUntil: "load", timeout: 120000 });
  const seen = { title: await page.title(), verdict: await page.$eval(".verdict", (at) => at.innerText),
    before: await shown(page), cells: await page.$$eval(".matrix td a", (all) => all.length),
    failed: await page.$$eval(".matrix td.failed", (all) => all.map((cell) => cell.innerText)),
    tint: await page.$eval(".matrix td.failed", (cell) => getComputedStyle(cell).backgroundColor),
    dead: await page.$$eval('a[href^="#"]', (all) => all.map((a) => a.getAttribute("href").slice(1))
      .filter((id) => !document.getElementById(id))), wide: await overflows(page) };
  await page.screenshot({ path: picture });
  await page.click(".matrix td.failed a");
  seen.cell = await shown(page);
  await page.click(".panel:target li a");
  seen.schedule = await shown(page);
  seen.faults = await page.$$eval(".panel:target .fault", (rows) => rows.map((row) => row.innerText));
  await page.screenshot({ path: picture.replace(".png", "-schedule.png") });
  await page.click(".panel:target .close");
  seen.closed = await shown(page);
  await page.setViewport({ width: 390, height: 800 });
  seen.narrow = await overflows(page);
  seen.pairs = await seenOfPairs(page);
  console.log(JSON.stringify({ ...seen, problems, asked, agent: await browser.version() }));
} finally {
  await browser.close();
}
