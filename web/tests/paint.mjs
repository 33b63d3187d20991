// How soon a browser shows a build, and its matrix: node tests/paint.mjs ROUNDS URL BUILD [URL BUILD]
// Each round opens the page anew, without a cache, as somebody who follows a link does; of several pages in turns. A URL may
// have a token (?token=...). Prints the median and the longest of the first contentful paint and of the frame that has the matrix.
import { chromium } from 'playwright-core';

const [rounds, ...sides] = process.argv.slice(2);
const pages = [];
for (let i = 0; i + 1 < sides.length; i += 2) pages.push({ url: sides[i], build: sides[i + 1], first: [], matrix: [] });
if (!(Number(rounds) > 0) || pages.length === 0) {
  console.error('usage: node tests/paint.mjs ROUNDS URL BUILD [URL BUILD]');
  process.exit(2);
}

/** Notes when the first step of the matrix is painted: the second frame behind the change that brought it. */
function watchMatrix() {
  new MutationObserver(() => {
    if (globalThis.__painted || !document.querySelector('.mx tbody .c .t')) return;
    globalThis.__painted = -1;
    requestAnimationFrame(() => requestAnimationFrame(() => (globalThis.__painted = performance.now())));
  }).observe(document, { childList: true, subtree: true });
}

async function open(browser, { url, build, first, matrix }) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  // A token opens a session, which a person who follows a link has.
  if (url.includes('?')) await page.goto(url);
  await page.goto('about:blank');
  await page.addInitScript(watchMatrix);
  await page.goto(`${url.split('?')[0]}#builds/${build}`);
  await page.waitForFunction(() => globalThis.__painted > 0, undefined, { timeout: 60_000 });
  const [contentful, painted] = await page.evaluate(() => [performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0, globalThis.__painted]);
  first.push(contentful);
  matrix.push(painted);
  await context.close();
}

const of = (list) => [...list].sort((a, b) => a - b);
const told = (list) => `median ${Math.round(of(list)[list.length >> 1])} ms, longest ${Math.round(of(list).at(-1))} ms`;

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
try {
  for (let i = 0; i < Number(rounds); i += 1) for (const each of pages) await open(browser, each);
} finally {
  await browser.close();
}
for (const each of pages) {
  console.log(`${new URL(each.url).host} build ${each.build}, ${rounds} rounds: first contentful paint ${told(each.first)}; with the matrix ${told(each.matrix)}`);
}
