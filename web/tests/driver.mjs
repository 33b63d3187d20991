// A browser for tests in another language (tests/e2e/web/page_test.py): a line of JSON in, a line of JSON out.
//   {"open": URL}                           goes there
//   {"expect": [TEXT...], "seconds": N}     waits until the page shows all of them
//   {"fill": SELECTOR, "with": TEXT}        types into a field
//   {"click": SELECTOR}                     clicks what is there and can be clicked, waiting for it
//   {"evaluate": SCRIPT}                    its value in the page
//   {"problems": true}                      what the page complained of, and what it asked of other hosts, since the last time
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage();
let problems = [];
let origin = '';
page.on('pageerror', (error) => problems.push(error.message));
page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
page.on('request', (request) => {
  const url = request.url();
  if (origin && !url.startsWith(origin) && !url.startsWith('blob:')) problems.push(`asked another host: ${url}`);
});

const shown = () => page.evaluate(() => document.body.innerText);

async function expect(texts, seconds) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const text = await shown();
    const missing = texts.filter((each) => !text.includes(each));
    if (missing.length === 0) return { ok: true };
    if (Date.now() > end) return { ok: false, missing, text: text.slice(0, 4000) };
    await page.waitForTimeout(100);
  }
}

async function obey(order) {
  if (order.open) {
    origin = new URL(order.open).origin;
    // A step within the page has no answer of its own.
    const answer = await page.goto(order.open);
    return { ok: answer === null || answer.ok(), url: page.url() };
  }
  if (order.expect) return expect(order.expect, order.seconds ?? 20);
  if (order.fill) {
    await page.locator(order.fill).fill(order.with, { timeout: 20_000 });
    return { ok: true };
  }
  if (order.click) {
    await page.locator(order.click).click({ timeout: 20_000 });
    return { ok: true, url: page.url() };
  }
  if (order.evaluate) return { ok: true, value: await page.evaluate(order.evaluate) };
  const told = problems;
  problems = [];
  return { ok: true, problems: told };
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = await obey(JSON.parse(line));
  } catch (error) {
    answer = { ok: false, error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
