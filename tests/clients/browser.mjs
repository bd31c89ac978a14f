// Opens a page in a real browser without a window, takes a picture of it and looks at it:
//   node browser.mjs NODE_MODULES CHROMIUM PROFILE URL PICTURE
// Prints what it saw as JSON.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const [parts, executablePath, userDataDir, url, picture] = process.argv.slice(2);
const puppeteer = createRequire(parts + "/")("puppeteer-core");

// As root it would not start with its sandbox; containers give it little shared memory.
const browser = await puppeteer.launch({ executablePath, userDataDir, headless: true, timeout: 120000,
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-proxy-server", "--disable-background-networking"] });
try {
  const page = await browser.newPage();
  const problems = [];
  page.on("pageerror", (e) => problems.push(String(e)));
  page.on("requestfailed", (r) => problems.push(`${r.url()}: ${r.failure()?.errorText}`));
  await page.setViewport({ width: 800, height: 600 });
  const answer = await page.goto(url, { waitUntil: "networkidle0", timeout: 120000 });
  await page.waitForSelector("#done", { timeout: 60000 });
  await page.screenshot({ path: picture });
  const data = `data:image/png;base64,${(await readFile(picture)).toString("base64")}`;
  // How large the picture is, and how much of it differs from its corner.
  const look = await page.evaluate(async (source) => {
    const image = new Image();
    image.src = source;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.width;
    canvas.height = image.height;
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const { data: pixels } = context.getImageData(0, 0, image.width, image.height);
    let other = 0;
    for (let i = 0; i < pixels.length; i += 4)
      if (pixels[i] !== pixels[0] || pixels[i + 1] !== pixels[1] || pixels[i + 2] !== pixels[2]) other += 1;
    return { width: image.width, height: image.height, other };
  }, data);
  console.log(JSON.stringify({ status: answer.status(), title: await page.title(), ...look, problems,
    text: await page.$eval("body", (b) => b.innerText), agent: await browser.version() }));
} finally {
  await browser.close();
}
