// A day of a busy farm on one page: the wall, then the list of builds, then a busy build, while tens of thousands of changes
// come. What the page holds must not grow with what it was told: it stays under 150 MB, and the last quarter of each part
// holds no more than the second. Run by `npm run test:day`.
import { strict as assert } from 'node:assert';
import { after, before, describe, it } from 'node:test';
import { chromium } from 'playwright-core';
import { startServer } from '../fixtures/server.mjs';

const MOST_BYTES = 150e6;
/** A day, scaled: more than its answers and views hold at a time, many times over. */
const NEWS = Number(process.env.DAY_NEWS ?? 12_000);
const EVENTS = Number(process.env.DAY_EVENTS ?? 12_000);
/** The list of the made-up farm: what is older has left the pages that are asked for. */
const LISTED = 300;

let server;
let browser;
let page;
let devtools;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

before(async () => {
  server = await startServer(0);
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
  page = await (await browser.newContext({ viewport: { width: 1440, height: 1000 } })).newPage();
  devtools = await page.context().newCDPSession(page);
  await page.goto(`${server.url}#wall`);
});
after(async () => {
  await browser?.close();
  server?.server.closeAllConnections();
  server?.server.close();
});

async function look() {
  await devtools.send('HeapProfiler.collectGarbage');
  const { usedSize, embedderHeapUsedSize, backingStorageSize } = await devtools.send('Runtime.getHeapUsage');
  const { nodes, jsEventListeners } = await devtools.send('Memory.getDOMCounters');
  return { bytes: usedSize + (embedderHeapUsedSize ?? 0) + (backingStorageSize ?? 0), nodes, listeners: jsEventListeners };
}

/** What the page holds when nothing is left to be collected: what was taken out of a document goes some collections later, when
 * the browser has drawn without it, so the least of several looks counts. */
async function held() {
  const looks = [];
  for (let i = 0; i < 8; i += 1) {
    looks.push(await look());
    await sleep(400);
  }
  const least = (of) => Math.min(...looks.map(of));
  return { bytes: least((each) => each.bytes), nodes: least((each) => each.nodes), listeners: least((each) => each.listeners) };
}

/** Shows a view, does `part` four times, and looks at what is held after each. */
async function watch(hash, part) {
  await page.evaluate((to) => (location.hash = to), hash);
  await page.waitForFunction(() => document.querySelector('.live')?.textContent?.includes('live,') && !document.querySelector('[aria-busy=true]'));
  const quarters = [];
  for (let quarter = 0; quarter < 4; quarter += 1) {
    await part(quarter);
    // What it was told last is shown, and the questions that follow from it are answered.
    await sleep(2500);
    quarters.push(await held());
  }
  return quarters;
}

function assertFlat(what, quarters) {
  const said = `${what}: ${quarters.map(({ bytes, nodes, listeners }) => `${(bytes / 1e6).toFixed(1)} MB, ${nodes} nodes, ${listeners} listeners`).join('; ')}`;
  console.log(said);
  const [, second, , last] = quarters;
  for (const quarter of quarters) assert.ok(quarter.bytes < MOST_BYTES, said);
  assert.ok(last.bytes <= second.bytes * 1.1 + 1e6, said);
  assert.ok(last.nodes <= second.nodes * 1.1 + 200, said);
  assert.ok(last.listeners <= second.listeners * 1.1 + 50, said);
}

let nextId = 1000;
let told = 0;
let running = [];
let patterns;

/** Builds come, run and end, each with its states; workers get tasks meanwhile. */
async function tellNews(count) {
  patterns ??= server.farm.builds.filter((build) => build.cells?.length);
  for (let i = 0; i < count; i += 1) {
    const pattern = patterns[i % patterns.length];
    const at = `${Date.now()}000000`;
    const states = [];
    if (i % 4 === 0 || running.length < 8) {
      const build = { ...pattern, id: String(nextId++), status: 'BUILD_STATUS_QUEUED', createdAt: at, finishedAt: undefined, lastEvent: '1', message: 'waits' };
      server.farm.builds.unshift(build);
      running.push(build);
      states.push(build);
    } else {
      const build = running[i % running.length];
      const ends = i % 4 === 3;
      Object.assign(build, { lastEvent: String(Number(build.lastEvent) + 1), status: ends ? (i % 20 === 3 ? 'BUILD_STATUS_FAILED' : 'BUILD_STATUS_SUCCEEDED') : 'BUILD_STATUS_RUNNING', finishedAt: ends ? at : undefined, message: `state ${told}` });
      if (ends) running = running.filter((each) => each !== build);
      states.push(build);
    }
    server.farm.builds.length = Math.min(server.farm.builds.length, LISTED);
    told += 1;
    server.farm.news.tell({ builds: states, workers: i % 3 === 0 });
    if (i % 100 === 99) await sleep(60);
  }
}

describe('a page that is open for a day', () => {
  it('holds no more with the wall', { timeout: 400_000 }, async () => {
    const quarters = await watch('#wall', () => tellNews(NEWS / 4));
    assertFlat('wall', quarters);
    assert.match(await page.locator('.live').innerText(), /live, \d+ run/);
  });
  it('holds no more with the list of builds', { timeout: 400_000 }, async () => {
    const quarters = await watch('#builds', () => tellNews(NEWS / 4));
    assertFlat('builds', quarters);
    // It shows the newest: nothing was passed over.
    await page.waitForSelector(`a[href="#builds/${nextId - 1}"]`);
  });
  it('holds no more with a busy build', { timeout: 900_000 }, async () => {
    const entry = server.farm.full.get('410');
    Object.assign(entry.build, { status: 'BUILD_STATUS_RUNNING', finishedAt: undefined, lastEvent: '0' });
    entry.events.length = 0;
    let number = 0;
    const stages = entry.build.stages.filter((stage) => stage.steps?.length);
    const send = (event) => server.farm.watchers.forEach((each) => each({ number: String(++number), time: `${Date.now()}000000`, ...event }));
    const quarters = await watch('#builds/410', async () => {
      for (let i = 0; i < EVENTS / 4; i += 1) {
        const stage = stages[number % stages.length];
        const step = stage.steps[Math.floor(number / stages.length) % stage.steps.length];
        const status = number % 2 === 0 ? 'STEP_STATUS_RUNNING' : 'STEP_STATUS_EXECUTED';
        send({ stepChanged: { stage: stage.index, step: { ...step, status, seconds: number / 10, worker: `w${number % 40}` } } });
        if (i % 200 === 199) await tellNews(20);
        if (i % 20 === 19) await sleep(20);
      }
      await page.waitForFunction(() => document.querySelector('h1'), undefined, { timeout: 60_000 });
    });
    assertFlat('busy build', quarters);
    assert.equal(number, EVENTS);
  });
});
