// The deployed page in a real browser. PREVIEW_URL is where it is; without a browser the test is skipped, and says so.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const puppeteer = await import("puppeteer-core").then((found) => found.default, () => null);

const missing = () => {
  if (!process.env.PREVIEW_URL) return "PREVIEW_URL is not set";
  if (!executablePath) return "there is no Chromium here";
  return puppeteer ? false : "puppeteer-core is not installed";
};

// As root it would not start with its sandbox; containers give it little shared memory.
const args = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-proxy-server"];

async function withPage(use) {
  const userDataDir = await mkdtemp(join(tmpdir(), "codex-browser-"));
  const browser = await puppeteer.launch({ executablePath, userDataDir, args, headless: true, timeout: 120000 });
  try {
    return await use(await browser.newPage());
  } finally {
    await browser.close();
    await rm(userDataDir, { recursive: true, force: true, maxRetries: 10 });
  }
}

test("a visitor sees the products, styled, and gets a session", { skip: missing() }, async () => {
  await withPage(async (page) => {
    const answer = await page.goto(process.env.PREVIEW_URL, { timeout: 120000 });
    assert.equal(answer.status(), 200);
    assert.equal(await page.title(), "Codex");
    assert.ok((await page.$$("li")).length >= 3);
    assert.match(await page.evaluate("getComputedStyle(document.body).fontFamily"), /Georgia/);
    assert.ok((await page.cookies()).some((cookie) => cookie.name === "codex_session"));
    console.log(`seen by ${await page.browser().version()}: ${await page.$eval("footer", (at) => at.textContent)}`);
  });
});
