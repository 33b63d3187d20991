// What a real browser shows of the made-up farm: every view, keys, dark, narrow, axe, hostile names as text.
// Run by `npm run test:browser`; CHROMIUM names the browser.
import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
import { after, before, beforeEach, describe, it } from 'node:test';
import { chromium } from 'playwright-core';
import { startServer } from '../fixtures/server.mjs';

const axeSource = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const VIEWS = ['#wall', '#wall?screen=1', '#builds', '#builds?q=status:failed', '#builds/412', '#builds/416', '#builds/418', '#builds/420', '#builds/410', '#builds/409', '#builds/416/log', '#builds/416/log?q=libxml', '#builds/412/packages', '#builds/412/compare/1/5', '#builds/409/compare/0/2', '#builds/412/compare', '#builds/412/compare/416', '#builds/412/compare/416?step=2', '#builds/412/platforms', '#matrices/412', '#matrices/9', '#packages', '#packages?name=imaging', '#workers', '#workers?webhook=2', '#trends', '#submit', '#nowhere', '#builds/99999'];

let server;
let browser;
let page;
const problems = [];

async function open(hash, options = {}) {
  await page?.context().close();
  const context = await browser.newContext({ viewport: { width: options.width ?? 1440, height: options.height ?? 1000 }, colorScheme: options.dark ? 'dark' : 'light', bypassCSP: options.bypass ?? false });
  page = await context.newPage();
  page.on('pageerror', (error) => problems.push(`${hash}: ${error.message}`));
  page.on('console', (message) => {
    const text = message.text();
    if (message.type() === 'error' && !/status of (400|404|503)|ERR_CONNECTION/.test(text)) problems.push(`${hash}: ${text}`);
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(server.url) && !request.url().startsWith('blob:')) problems.push(`asked another host: ${request.url()}`);
  });
  await page.goto(`${server.url}${hash}`);
  await settle();
}

async function settle() {
  await page.waitForFunction(() => !document.querySelector('[aria-busy=true]'), undefined, { timeout: 10_000 });
  await page.waitForTimeout(150);
}

/** Waits in this process, for what the server sees. */
async function until(there, what) {
  const end = Date.now() + 40_000;
  while (!there()) {
    assert.ok(Date.now() < end, `${what} did not come`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const text = (selector) => page.locator(selector).first().innerText();
const focused = () => page.evaluate(() => document.activeElement?.querySelector('.vh')?.textContent ?? document.activeElement?.textContent ?? '');

before(async () => {
  server = await startServer(0);
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
});
beforeEach(() => (problems.length = 0));
after(async () => {
  await browser?.close();
  server?.server.closeAllConnections();
  server?.server.close();
});

describe('every view', () => {
  for (const hash of VIEWS) {
    for (const [name, options] of [['wide', {}], ['dark', { dark: true }], ['500 px', { width: 500 }]]) {
      // Axe needs a minute for 3,000 cells: once is enough.
      if (hash === '#builds/410' && name !== '500 px') continue;
      it(`${hash} ${name}: no axe violation, no error, nothing hostile runs`, async () => {
        await open(hash, { ...options, bypass: true });
        await page.evaluate(axeSource);
        const found = await page.evaluate(async () => {
          const result = await globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] });
          return result.violations.map((each) => `${each.id}: ${each.nodes.slice(0, 3).map((node) => `${node.target.join(' ')} ${node.failureSummary?.split('\n')[1] ?? ''}`).join(' | ')}`);
        });
        assert.deepEqual(found, []);
        assert.equal(await page.evaluate(() => globalThis.__hacked), undefined);
        assert.deepEqual(problems, []);
      });
    }
  }
});

describe('the strict policy', () => {
  it('lets every view work', async () => {
    await open('#wall');
    for (const hash of VIEWS) {
      await page.evaluate((to) => (location.hash = to), hash);
      await settle();
      assert.deepEqual(problems, [], hash);
    }
  });
  it('shows markup as text', async () => {
    await open('#builds/409');
    assert.match(await text('main'), /<img src=x onerror/);
    assert.equal(await page.locator('main img').count(), 0);
    await open('#builds/409/compare/0/2');
    assert.match(await text('main'), /<script>window\.__hacked/);
    assert.equal(await page.locator('main script').count(), 0);
    await open('#workers');
    assert.equal(await page.locator('main img').count(), 0);
    await open('#builds/409/log?step=0.2&execution=hostile');
    await page.waitForSelector('.ll span.a31');
    assert.equal(await page.locator('.lines a[href^="javascript"]').count(), 0);
    assert.equal(await page.evaluate(() => globalThis.__hacked), undefined);
  });
});

describe('layout', () => {
  for (const width of [360, 390, 760, 900, 1180]) {
    it(`never scrolls sideways at ${width} px`, async () => {
      await open('#wall', { width });
      for (const hash of VIEWS) {
        await page.evaluate((to) => (location.hash = to), hash);
        await settle();
        const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(over <= 0, `${hash} is ${over} px too wide`);
      }
    });
  }
  it('shows one of many platforms at a time on a phone', async () => {
    await open('#builds/410', { width: 390 });
    assert.ok(await page.locator('.pswitch').isVisible());
    assert.equal(await page.locator('.mx thead th:visible').count(), 1);
    await page.locator('.pswitch .btn', { hasText: 'linux/s390x' }).click();
    assert.match(await text('.mx thead th:not(.first):visible'), /linux\/s390x/);
    assert.match(page.url(), /platform=linux\/s390x/);
  });
});

describe('on paper', () => {
  // The width of A4 and of Letter, landscape, without margins.
  const PAPER = [['A4', 1047], ['Letter', 981]];
  const print = async (hash, width, options = {}) => {
    await open(hash, { width, ...options });
    await page.waitForSelector('#recipe');
    await page.waitForFunction((rows) => document.querySelectorAll('.mx tbody tr').length >= rows, hash.endsWith('/410') ? 240 : 3);
    await page.emulateMedia({ media: 'print' });
    await page.waitForTimeout(100);
  };
  /** What is wider than its place and shows only a part of itself, or reaches over the paper's edge. */
  const cut = () =>
    page.evaluate(() => {
      const found = [];
      const edge = document.documentElement.clientWidth;
      for (const each of document.querySelectorAll('main *')) {
        const box = each.getBoundingClientRect();
        if (box.width === 0 || each.closest('svg, .vh, .bk')) continue;
        const style = getComputedStyle(each);
        const name = `${each.tagName.toLowerCase()}.${each.className} ${each.textContent.slice(0, 40)}`;
        if (box.right > edge + 1) found.push(`over the edge: ${name}`);
        else if (style.overflowX !== 'visible' && each.scrollWidth > each.clientWidth + 1) found.push(`cut: ${name}`);
        else if (style.overflowY !== 'visible' && each.scrollHeight > each.clientHeight + 1 && each.clientHeight > 0 && style.display !== 'inline') found.push(`cut below: ${name}`);
      }
      return found.slice(0, 8);
    });

  for (const [paper, width] of PAPER) {
    for (const hash of ['#builds/412', '#builds/416', '#builds/410', '#builds/409']) {
      it(`${hash} is whole on ${paper}`, async () => {
        await print(hash, width);
        assert.deepEqual(await cut(), []);
        const columns = await page.locator('.mx thead th:visible').count();
        assert.equal(columns, 1 + server.farm.full.get(hash.split('/')[1]).build.cells.length, 'all platforms');
      });
    }
  }
  it('has matrix, verdict and recipe, and nothing to press', async () => {
    await print('#builds/412', 1047);
    for (const shown of ['h1', '.mx', '.vt', '#across', '#stages', '#timeline', '#outputs', '#recipe', '#warnings']) assert.ok(await page.locator(shown).first().isVisible(), shown);
    for (const pressed of ['.top', '#read', '.acts', '.tabs', 'button', 'input']) {
      assert.equal(await page.locator(`${pressed}:visible`).count(), 0, pressed);
    }
    assert.ok((await page.locator('.crumb').boundingBox()).height < 40, 'the crumb is one line');
    assert.match(await text('.rc'), /COPY --from=builder \/root\/\.local \/home\/app\/\.local/);
  });
  it('opens folds, and closes them again', async () => {
    await open('#builds/412', { width: 1047 });
    await page.waitForSelector('.nd');
    assert.equal(await page.locator('.nd .sbs').isVisible(), false);
    await page.emulateMedia({ media: 'print' });
    await page.locator('.nd .sbs').waitFor();
    await page.emulateMedia({ media: 'screen' });
    await page.locator('.nd .sbs').waitFor({ state: 'hidden' });
  });
  it('has whole digests, and is light', async () => {
    await print('#builds/412', 1047, { dark: true });
    const digest = server.farm.full.get('412').build.indexDigest;
    assert.ok((await text('.facts')).includes(digest));
    assert.ok((await text('.sz')).includes(digest));
    assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/)[0] > 200 || getComputedStyle(document.body).backgroundColor === 'rgba(0, 0, 0, 0)'), true);
  });
  it('has all rows also where one prints at once', async () => {
    await open('#builds/412');
    await page.evaluate(() => (location.hash = '#builds/410'));
    await page.waitForSelector('.mx.x9 tbody tr');
    const rows = await page.evaluate(() => {
      dispatchEvent(new Event('beforeprint'));
      return document.querySelectorAll('.mx tbody tr').length;
    });
    assert.equal(rows, 240);
  });
});

describe('keys', () => {
  it('walk the matrix with one tab stop', async () => {
    await open('#builds/412');
    assert.equal(await page.locator('.mx [data-cell][tabindex="0"]').count(), 1);
    await page.locator('.mx [data-cell][tabindex="0"]').focus();
    assert.match(await focused(), /linux\/amd64, builder 2: |linux\/amd64, builder 2/);
    await page.keyboard.press('ArrowRight');
    assert.match(await focused(), /linux\/arm64, builder 2/);
    await page.keyboard.press('ArrowDown');
    assert.match(await focused(), /linux\/arm64, builder 3/);
    await page.keyboard.press('End');
    assert.match(await focused(), /linux\/riscv64, builder 3/);
    assert.equal(await page.locator('.mx [data-cell][tabindex="0"]').count(), 1);
    assert.match(await text('#read'), /linux\/riscv64\s+builder 3 · executed 0\.1s/);
  });
  it('jump to the next difference and open it', async () => {
    await open('#builds/412');
    for (let i = 0; i < 3; i += 1) await page.keyboard.press('n');
    assert.match(await focused(), /3 paths differ and reach the image/);
    await page.keyboard.press('Enter');
    await settle();
    assert.match(page.url(), /#builds\/412\/compare\/1\/5$/);
    await page.keyboard.press('j');
    assert.equal(await page.evaluate(() => document.activeElement?.tagName), 'TR');
  });
  it('open views, help, search and logs', async () => {
    await open('#wall');
    await page.keyboard.press('g');
    await page.keyboard.press('b');
    await settle();
    assert.match(page.url(), /#builds$/);
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    const second = await page.evaluate(() => document.activeElement?.getAttribute('href'));
    assert.match(second, /^#builds\/\d+$/);
    await page.keyboard.press('l');
    await settle();
    assert.match(page.url(), /\/log$/);
    await page.goBack();
    await settle();
    await page.keyboard.press('?');
    assert.ok(await page.locator('dialog.keyhelp').isVisible());
    await page.keyboard.press('Escape');
    await page.locator('dialog.keyhelp').waitFor({ state: 'hidden' });
    await page.keyboard.press('/');
    assert.equal(await page.evaluate(() => document.activeElement?.tagName), 'INPUT');
    await page.keyboard.type('status:failed image:billing');
    await page.waitForFunction(() => location.hash.includes('status:failed'));
    // The farm is asked when a moment has passed.
    await page.waitForFunction(() => document.querySelectorAll('.bl tbody tr').length === 4);
    assert.match(await text('h1'), /^4 builds match/);
  });
  it('show what the farm says of a wrong filter, and go on when it is right', async () => {
    await open('#builds?q=stauts:failed');
    await page.waitForSelector('[role=alert]');
    assert.match(await text('[role=alert]'), /there is no field 'stauts'/);
    await page.locator('[data-search]').fill('status:failed');
    await page.waitForSelector('.bl tbody tr');
    assert.equal(await page.locator('[role=alert]').count(), 0);
    assert.deepEqual(problems, []);
  });
  it('do nothing while one types', async () => {
    await open('#submit');
    await page.locator('input[name=target]').pressSequentially('gb?/jk');
    await page.locator('textarea[name=dockerfile]').pressSequentially('gb?/jk');
    assert.match(page.url(), /#submit$/);
  });
});

describe('the log', () => {
  it('has all lines, finds on the server, links to ranges', async () => {
    await open('#builds/416/log');
    assert.match(await text('.lines'), /exit code 1 on w3/);
    await page.keyboard.press('/');
    await page.keyboard.type('libxml');
    await page.waitForFunction(() => /1 of 3/.test(document.querySelector('.lbar')?.textContent ?? ''));
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => /2 of 3/.test(document.querySelector('.lbar')?.textContent ?? ''));
    assert.ok((await page.locator('.lines mark').count()) >= 3);
    assert.ok((await page.locator('.skipl').count()) >= 1);
    await page.locator('.ll a', { hasText: '1,206' }).click();
    await page.locator('.ll a', { hasText: '1,208' }).click({ modifiers: ['Shift'] });
    assert.match(page.url(), /lines=1206-1208/);
    assert.equal(await page.locator('.ll.rg').count(), 3);
  });
  it('marks errors and jumps to them', async () => {
    await open('#builds/416/log');
    const button = page.locator('.lbar .btn', { hasText: 'errors' });
    await button.waitFor();
    await page.keyboard.press('e');
    await page.waitForSelector('.ll.er.cur');
  });
  it('opens at a linked line', async () => {
    await open('#builds/416/log?step=2.4&lines=600-601');
    await page.waitForSelector('.ll.rg');
    assert.match(await text('.ll.rg'), /module_599/);
  });
  it('follows a step that runs until one scrolls up', async () => {
    const { build } = server.farm.full.get('418');
    const running = build.stages.flatMap((stage) => stage.steps).find((step) => step.status === 'STEP_STATUS_RUNNING');
    const grows = { total: 0, grown: () => undefined, get: (i) => ({ number: String(i + 1), time: `${server.farm.now + i * 10}000000`, text: `written ${i + 1}` }) };
    server.farm.consoles.set(running.execution, grows);
    const write = async (lines) => {
      grows.total += lines;
      grows.grown();
      await page.waitForFunction((total) => document.querySelector('.lg')?.textContent?.includes(`${total} lines`), grows.total.toLocaleString('en'));
      await page.waitForTimeout(300);
    };
    const bottom = () => page.evaluate(() => [...document.querySelectorAll('.ll')].filter((line) => line.getBoundingClientRect().top < document.querySelector('.lines').getBoundingClientRect().bottom).at(-1)?.textContent ?? '');
    await open('#builds/418/log');
    for (const lines of [50, 20, 930, 5, 1500]) {
      await write(lines);
      assert.match(await bottom(), new RegExp(`written ${grows.total}$`));
    }
    await page.locator('.lines').hover();
    await page.mouse.wheel(0, -300);
    await page.waitForTimeout(300);
    await write(7);
    assert.doesNotMatch(await bottom(), /written 25/);
    await page.locator('.newlines', { hasText: '7 new lines' }).click();
    await page.waitForTimeout(300);
    assert.match(await bottom(), /written 2512$/);
    const shown = await page.locator('.ll').allTextContents();
    assert.equal(new Set(shown).size, shown.length);
    server.farm.consoles.clear();
  });
  it('scrolls through a million lines', async () => {
    await open('#builds/416/log?step=2.4&execution=7000000');
    await page.waitForSelector('.ll');
    const nodes = await page.locator('.ll').count();
    assert.ok(nodes < 200, `${nodes} lines are in the document`);
    const scroll = (share) => page.evaluate((at) => { const list = document.querySelector('.lines'); list.scrollTop = list.scrollHeight * at; }, share);
    await scroll(0.5);
    await page.waitForFunction(() => [...document.querySelectorAll('.ll')].some((line) => /^(49|50)\d,\d{3}/.test(line.textContent ?? '') && line.textContent.includes('module_')), undefined, { timeout: 8000 });
  });
});

describe('what changes', () => {
  it('fills in place', async () => {
    await open('#builds/418');
    assert.match(await text('h1'), /^\s*Running for/);
    const { events, build } = server.farm.full.get('418');
    let number = events.length;
    const step = build.stages[2].steps[2];
    const done = { ...step, status: 'STEP_STATUS_EXECUTED', seconds: 260, layer: { tar: { hash: 'ab'.repeat(32), sizeBytes: '91000000' } } };
    const send = (event) => {
      const whole = { number: String(++number), time: `${Date.now()}000000`, ...event };
      events.push(whole);
      server.farm.watchers.forEach((each) => each(whole));
    };
    send({ stepChanged: { stage: 2, step: done } });
    await page.waitForFunction(() => document.querySelector('.mx')?.textContent?.includes('4m 20s'));
    send({ statusChanged: { status: 'BUILD_STATUS_SUCCEEDED' } });
    await page.waitForFunction(() => document.querySelector('h1')?.textContent?.trim().startsWith('Succeeded'));
    assert.deepEqual(problems, []);
  });
  it('asks nothing by itself while the farm tells what changes', async () => {
    await open('#wall');
    await page.waitForFunction(() => document.querySelector('.live')?.textContent?.includes('live,'));
    // What belongs to opening it is over.
    await page.waitForTimeout(3000);
    const lists = ['/api/v1/builds', '/api/v1/wall', '/api/v1/workers'];
    const counts = () => lists.map((path) => server.farm.asked.get(path) ?? 0);
    const before = counts();
    await page.waitForTimeout(17_000);
    assert.deepEqual(counts(), before, 'a farm where nothing changes is asked nothing');
    const [worker] = server.farm.workers;
    worker.connected = false;
    server.farm.news.tell({ workers: true });
    await page.waitForFunction(() => document.querySelector('.live')?.textContent?.includes('3 of 6 workers'));
    worker.connected = true;
    server.farm.news.tell({ workers: true });
    await page.waitForFunction(() => document.querySelector('.live')?.textContent?.includes('4 of 6 workers'));
    assert.equal(counts()[2], before[2] + 2);
    assert.equal(counts()[0], before[0]);
  });
  it('shows what a build becomes without asking for the list', async () => {
    await open('#builds');
    await page.waitForFunction(() => document.querySelector('.live')?.textContent?.includes('2 run, 1 waits'));
    const asked = () => server.farm.asked.get('/api/v1/builds') ?? 0;
    await page.waitForTimeout(1000);
    const before = asked();
    const at = server.farm.builds.findIndex((build) => build.id === '420');
    const queued = server.farm.builds[at];
    const told = { ...queued, status: 'BUILD_STATUS_RUNNING', lastEvent: '99', message: '' };
    server.farm.news.tell({ builds: [told] });
    await page.waitForFunction(() => document.querySelector('.live')?.textContent?.includes('3 run'));
    await page.waitForFunction(() => document.querySelector('a[href="#builds/420"]')?.closest('tr')?.textContent?.includes('at work') || document.querySelector('a[href="#builds/420"]')?.closest('tr')?.textContent?.includes('runs'));
    assert.equal(asked(), before);
    server.farm.news.tell({ builds: [{ ...told, status: 'BUILD_STATUS_FAILED', lastEvent: '98' }] });
    server.farm.news.tell({ builds: [{ ...queued, lastEvent: '100' }] });
    await page.waitForFunction(() => document.querySelector('.live')?.textContent?.includes('1 waits'));
    assert.deepEqual(problems, []);
  });
  it('follows nothing while it is hidden, and goes on when it is shown', async () => {
    await open('#wall');
    await page.waitForFunction(() => document.querySelector('.live')?.textContent?.includes('live,'));
    await until(() => server.farm.news.followers.size === 1, 'a follower');
    await page.evaluate(() => {
      Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    });
    await until(() => server.farm.news.followers.size === 0, 'that it lets go');
    await page.waitForTimeout(500);
    const before = [...server.farm.asked.values()].reduce((sum, each) => sum + each, 0);
    await page.waitForTimeout(16_000);
    assert.equal([...server.farm.asked.values()].reduce((sum, each) => sum + each, 0), before, 'a hidden tab asks nothing');
    await page.evaluate(() => {
      Object.defineProperty(document, 'visibilityState', { value: 'visible', configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    });
    await until(() => server.farm.news.followers.size === 1, 'that it follows again');
    assert.ok(await page.evaluate(() => document.querySelector('.live')?.textContent?.includes('live,')));
  });
  it('asks now and then while only the stream is down', async () => {
    await open('#wall');
    await until(() => server.farm.news.followers.size === 1, 'a follower');
    server.farm.news.refuse = true;
    server.farm.news.end();
    const asked = () => server.farm.asked.get('/api/v1/builds') ?? 0;
    const before = asked();
    await until(() => asked() >= before + 3, 'that it asks by itself');
    assert.ok(await page.evaluate(() => document.querySelector('.live')?.textContent?.includes('live,')), 'it is not offline');
    server.farm.news.refuse = false;
    await until(() => server.farm.news.followers.size === 1, 'that it follows again');
  });
  it('says that it is offline, keeps its values and comes back', async () => {
    await open('#wall');
    server.farm.down = true;
    await page.waitForFunction(() => document.querySelector('.live')?.textContent?.includes('reconnecting, as of'), undefined, { timeout: 20_000 });
    assert.ok((await page.locator('.wall tbody tr').count()) > 10);
    server.farm.down = false;
    await page.waitForFunction(() => document.querySelector('.live')?.textContent?.includes('live,'), undefined, { timeout: 20_000 });
  });
  it('keeps new builds behind a button while one reads', async () => {
    await open('#builds');
    await page.evaluate(() => scrollTo(0, 600));
    const [first] = server.farm.builds;
    server.farm.builds.unshift({ ...first, id: '430' });
    server.farm.news.tell({ builds: [server.farm.builds[0]] });
    const button = page.locator('.btn', { hasText: '1 new build' });
    await button.waitFor({ state: 'attached', timeout: 10_000 });
    assert.equal(await page.locator('a[href="#builds/430"]').count(), 0);
    await button.click();
    await page.waitForSelector('a[href="#builds/430"]');
    server.farm.builds.shift();
  });
  it('asks before it cancels', async () => {
    await open('#builds/420');
    await page.locator('.btn', { hasText: 'Cancel' }).click();
    assert.ok(await page.locator('.btn', { hasText: 'Really cancel' }).isVisible());
  });
});

describe('roles', () => {
  const buttons = async (hash) => {
    await open(hash);
    return page.locator('button:visible, nav a:visible').allInnerTexts();
  };
  after(() => (server.farm.role = 'ACCESS_OPERATE'));

  it('show a reader nothing that it may not do', async () => {
    server.farm.role = 'ACCESS_READ';
    for (const hash of ['#builds/412', '#workers', '#wall']) {
      const words = await buttons(hash);
      assert.ok(words.includes('Builds'), words.join());
      for (const word of ['Retry', 'Cancel', 'Drain', 'Undrain', 'Submit']) assert.ok(!words.includes(word), `${word} on ${hash}`);
    }
    assert.ok(!(await buttons('#submit')).includes('Submit'));
    assert.match(await text('main'), /This session may only read/);
  });

  it('let who submits retry and not drain', async () => {
    server.farm.role = 'ACCESS_SUBMIT';
    assert.ok((await buttons('#builds/412')).includes('Retry'));
    const words = await buttons('#workers');
    assert.ok(words.includes('Submit') && !words.includes('Drain'), words.join());
  });

  it('let an operator drain a worker and undrain it', async () => {
    server.farm.role = 'ACCESS_OPERATE';
    await open('#workers');
    await page.getByRole('button', { name: 'drain w1', exact: true }).click();
    await page.getByRole('button', { name: 'undrain w1', exact: true }).waitFor();
    await page.getByRole('button', { name: 'undrain w1', exact: true }).click();
    await page.getByRole('button', { name: 'drain w1', exact: true }).waitFor();
    assert.deepEqual(server.farm.drains, ['drain w1', 'undrain w1']);
    assert.deepEqual(problems, []);
  });
});

describe('comparing', () => {
  it('two builds: chosen from those of the recipe, step by step', async () => {
    await open('#builds/412');
    await page.locator('.acts a', { hasText: 'Compare builds' }).click();
    await page.locator('.chooser a').first().click();
    await settle();
    assert.match(page.url(), /#builds\/412\/compare\/\d+$/);
    assert.match(await text('h1'), /Builds 412 and \d+ differ on linux\/amd64 from builder step 2 \(Dockerfile:2\) on, and have the same image on linux\/arm64\./);
    assert.match(await text('#paths'), /requirements\.txt/);
    assert.match(await text('.sbs'), /shop==1\.4[\s\S]*shop==1\.5/);
    assert.match(await text('#changes'), /ENV A=1[\s\S]*GREETING/);
    await page.getByRole('button', { name: /^paths of RUN pip install/ }).click();
    assert.match(page.url(), /[?&]step=2$/);
    assert.match(await text('#paths'), /prices\.py/);
    await page.getByRole('button', { name: /linux\/riscv64/ }).click();
    assert.match(await text('main'), /Only build 412 has linux\/riscv64\./);
    assert.deepEqual(problems, []);
  });
  it('two builds by number, and one that is not there', async () => {
    await open('#builds/412/compare');
    const submit = page.locator('.bynum button');
    for (const bad of ['', 'x', '0', '412', '#412']) {
      await page.locator('.bynum input').fill(bad);
      assert.ok(await submit.isDisabled(), bad);
    }
    await page.locator('.bynum input').fill('#99999');
    await page.keyboard.press('Enter');
    await settle();
    assert.match(await text('main'), /Builds 412 and 99999[\s\S]*there is no build 99999/);
  });
  it('two platforms, chosen', async () => {
    await open('#builds/412/compare/1/5');
    await page.locator('nav[aria-label="What is compared"] a', { hasText: 'Platforms' }).click();
    await settle();
    assert.match(await text('h1'), /1 path that should be the same differs: prices\.cpython-312\.pyc/);
    await page.locator('.nd summary').click();
    assert.match(await text('.nd .sbs'), /order = \(a, b\)[\s\S]*order = \(b, a\)/);
    await page.locator('select[name=second]').selectOption('linux/riscv64');
    await page.waitForFunction(() => document.querySelector('h1')?.textContent?.includes('No difference of these two is on record'));
    assert.match(page.url(), /second=linux\/riscv64/);
    assert.match(await text('#steps'), /once for both/);
  });
});

describe('the verdict of a build', () => {
  it('says what is the same, which images came out, and what was normalized', async () => {
    await open('#builds/412');
    const rows = await page.locator('.vt tbody tr').allInnerTexts();
    assert.match(rows[0], /linux\/amd64[\s\S]*the whole image is the same[\s\S]*equal[\s\S]*apt-cache in 1 step: 3 files[\s\S]*\/var\/cache\/debconf\/config\.dat/);
    assert.match(rows[1], /unreproducible[\s\S]*differs/);
    assert.match(await text('#across'), /603 of 604 equal[\s\S]*prices\.cpython-312\.pyc/);
  });
  it('has no place where the record says nothing', async () => {
    await open('#builds/420');
    assert.equal(await page.locator('#verdict, #across').count(), 0);
  });
});

describe('webhooks', () => {
  after(() => (server.farm.role = 'ACCESS_OPERATE'));

  it('say what was given up, first, and nothing of the secret parts of addresses', async () => {
    await open('#workers');
    assert.match(await text('#webhooks h2 + .note'), /3 receivers; one has deliveries that were given up/);
    const rows = await page.locator('#webhooks tbody tr').allInnerTexts();
    assert.match(rows[0], /https:\/\/chat\.example\/…[\s\S]*all names[\s\S]*2 given up, 1 to come/);
    assert.match(rows[1], /https:\/\/ci\.example\/…[\s\S]*team\/\*[\s\S]*nothing waits/);
    assert.doesNotMatch(await page.content(), /secret-of/);
  });
  it('are delivered again', async () => {
    await open('#workers');
    await page.getByRole('button', { name: 'Deliveries of webhook 2' }).click();
    await page.waitForSelector('.dl');
    assert.match(page.url(), /webhook=2/);
    assert.equal(await page.locator('.dl tr').count(), 3);
    await page.getByRole('button', { name: 'Load more' }).click();
    await page.waitForFunction(() => document.querySelectorAll('.dl tr').length === 4);
    await page.getByRole('button', { name: 'Only what did not come through' }).click();
    assert.equal(await page.locator('.dl tr').count(), 3);
    assert.match(await text('.dl tr:nth-child(2)'), /given up[\s\S]*team\/shop-api #412 arm64[\s\S]*reproducible → unreproducible[\s\S]*answered 503[\s\S]*after 9 attempts/);
    await page.getByRole('button', { name: 'Redeliver 30' }).click();
    await page.waitForFunction(() => document.querySelectorAll('.dl tr').length === 2);
    assert.match(await text('#webhooks tbody tr'), /1 given up, 1 to come/);
    assert.deepEqual(problems, []);
  });
  it('that are gone meanwhile are told', async () => {
    await open('#workers?webhook=2');
    server.farm.webhooks.redeliver = () => undefined;
    await page.getByRole('button', { name: /^Redeliver/ }).first().click();
    await page.locator('.dl .bad', { hasText: 'not delivered again: there is no delivery' }).waitFor();
  });
  it('are shown to who operates the farm only', async () => {
    for (const role of ['ACCESS_READ', 'ACCESS_SUBMIT']) {
      server.farm.role = role;
      const asked = [];
      await open('#workers?webhook=2');
      page.on('request', (request) => asked.push(request.url()));
      await page.reload();
      await settle();
      assert.equal(await page.locator('#webhooks').count(), 0);
      assert.deepEqual(asked.filter((url) => url.includes('webhooks')), []);
    }
  });
});

describe('small things', () => {
  it('remembers dark and light', async () => {
    await open('#wall');
    await page.locator('#theme').click();
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
    await page.reload();
    await settle();
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
  });
  it('submits a Dockerfile as the command beside it does', async () => {
    await open('#submit');
    const keys = [];
    page.on('request', (request) => request.method() === 'POST' && keys.push(request.headers()['idempotency-key']));
    const recipe = page.locator('textarea[name=dockerfile]');
    await recipe.fill('FROM debian:12\nRUM echo ü\n');
    await page.locator('label', { hasText: 'linux/arm64' }).locator('input').check();
    await page.locator('textarea[name=args]').fill('GREETING=hello world\n');
    assert.match(await text('aside pre'), /crossmill build \\\s+--platform linux\/amd64,linux\/arm64 \\\s+--verify 2 \\\s+--build-arg 'GREETING=hello world' \\\s+- <<'DOCKERFILE'\s+FROM debian:12\s+RUM echo ü\s+DOCKERFILE/);
    await page.locator('.btn.pri').click();
    await page.locator('.fld.dockerfile .bad', { hasText: 'Dockerfile:2:1: unknown instruction' }).waitFor();
    assert.equal(await recipe.evaluate((field) => document.activeElement === field && field.selectionStart), 15);
    await recipe.fill('FROM debian:12\nRUN echo ü\n');
    assert.equal(await page.locator('.fld.dockerfile .bad').count(), 0);
    const command = (await page.locator('aside pre span').allTextContents()).join('\n');
    server.farm.down = true;
    await page.locator('.btn.pri').click();
    await page.locator('aside .bad', { hasText: 'r-503' }).waitFor();
    server.farm.down = false;
    await page.locator('.btn.pri').click();
    await page.waitForFunction(() => location.hash === '#builds/420');
    const shell = execFileSync('bash', ['-c', `crossmill() { cat; printf '%s|' "$@"; }; ${command}`], { encoding: 'utf8' });
    assert.equal(shell, 'FROM debian:12\nRUN echo ü\nbuild|--platform|linux/amd64,linux/arm64|--verify|2|--build-arg|GREETING=hello world|-|');
    const [, second] = server.farm.submitted;
    assert.equal(second.recipe, 'FROM debian:12\nRUN echo ü\n');
    assert.deepEqual(second.submission.recipe.buildArguments, [{ name: 'GREETING', value: 'hello world' }]);
    assert.match(keys[0], /^[0-9a-f]{32}$/);
    assert.notEqual(keys[0], keys[1]);
    assert.equal(keys[1], keys[2], 'what got no answer is the same submission');
  });
  it('submits a git repository as the command beside it does', async () => {
    await open('#submit');
    await page.locator('label', { hasText: 'a git repository' }).locator('input').check();
    const git = page.locator('input[name=git]');
    await git.fill('https://git.example/team/missing.git');
    await page.locator('input[name=reference]').fill('v1');
    await page.locator('input[name=folder]').fill('app');
    await page.locator('input[name=file]').fill('docker/app.Dockerfile');
    await page.locator('summary', { hasText: 'Limits of each RUN step' }).click();
    await page.locator('input[name=memory]').fill('2x');
    await page.locator('.fld.memory .bad', { hasText: 'a number of bytes' }).waitFor();
    assert.ok(await page.locator('.btn.pri').isDisabled());
    await page.locator('input[name=memory]').fill('2g');
    await page.locator('.btn.pri').click();
    await page.locator('.fld.git .bad', { hasText: 'there is no main' }).waitFor();
    await git.fill('https://git.example/team/slow.git');
    await page.locator('.btn.pri').click();
    await page.locator('.acts button', { hasText: 'Cancel' }).click();
    await page.locator('aside .bad', { hasText: 'it was cancelled' }).waitFor();
    await git.fill('https://git.example/team/app.git');
    const command = (await page.locator('aside pre span').allTextContents()).join('\n');
    await page.locator('.btn.pri').click();
    await page.waitForFunction(() => location.hash === '#builds/420');
    const shell = execFileSync('bash', ['-c', `crossmill() { printf '%s|' "$@"; }; ${command}`], { encoding: 'utf8' });
    assert.equal(shell, 'build|--platform|linux/amd64|--verify|2|--memory|2g|-f|docker/app.Dockerfile|https://git.example/team/app.git#v1:app|');
    const { git: url, file, platforms, verify, options } = server.farm.fetch;
    assert.deepEqual(options, { stepBounds: { memory: '2147483648' } });
    assert.deepEqual({ url, file, platforms, verify }, { url: 'https://git.example/team/app.git#v1:app', file: 'docker/app.Dockerfile', platforms: ['linux/amd64'], verify: 2 });
  });
  it('asks for the build that a link names before its script is there, and once', async () => {
    await page.context().close();
    page = await (await browser.newContext()).newPage();
    const asked = [];
    page.on('request', (request) => asked.push(request.url().slice(server.url.length)));
    await page.goto(`${server.url}#builds/412?platform=linux/arm64`);
    await settle();
    assert.equal(asked.filter((path) => path === 'api/v1/builds/412').length, 1, asked.join(' '));
    assert.deepEqual(asked.filter((path) => path.includes('api/v1/builds/412/events')), [], 'what has ended has no news');
    assert.match(await text('h1'), /Succeeded in 8m 02s/);
    // Later it is a question like any other.
    await page.evaluate(() => (location.hash = '#builds/416'));
    await settle();
    await page.waitForFunction(() => document.querySelector('h1')?.textContent?.includes('Failed'));
    assert.equal(asked.filter((path) => path === 'api/v1/builds/416').length, 1);
  });
  it('says that a build which the link names is not there', async () => {
    await page.context().close();
    page = await (await browser.newContext()).newPage();
    await page.goto(`${server.url}#builds/99999`);
    await settle();
    assert.match(await text('main'), /there is no build 99999/);
  });
  it('has less than 150 kB of script, compressed', async () => {
    const folder = new URL('../dist/assets/', import.meta.url);
    const scripts = (await readdir(folder)).filter((name) => name.endsWith('.js'));
    const sizes = await Promise.all(scripts.map(async (name) => gzipSync(await readFile(new URL(name, folder)), { level: 9 }).length));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    console.log(`all scripts: ${total} bytes compressed`);
    assert.ok(scripts.length > 5 && total < 150_000, `${total} bytes`);
  });
  it('shows a build of 12 platforms and 60 stages soon', async () => {
    await page.context().close();
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
    page = await context.newPage();
    await page.addInitScript(() => {
      new MutationObserver(() => {
        if (globalThis.__painted || !document.querySelector('.mx tbody .c .t')) return;
        globalThis.__painted = -1;
        requestAnimationFrame(() => requestAnimationFrame(() => (globalThis.__painted = Math.round(performance.now()))));
      }).observe(document, { childList: true, subtree: true });
    });
    await page.goto(`${server.url}#builds/410`);
    await page.waitForFunction(() => globalThis.__painted > 0, undefined, { timeout: 20_000 });
    const took = await page.evaluate(() => globalThis.__painted);
    console.log(`12 x 60: the matrix is painted after ${took} ms`);
    // The bound is one second on a machine that does nothing else; here others may work too.
    assert.ok(took < 3000, `${took} ms`);
  });
});
