import { describe, expect, it } from 'vitest';
import { build, farm, listed, NOW, packagesOf, recipes, spans } from '../test/fixture';
import { worker } from '../api/decode';
import { plain } from './sentence';
import { buildSentence } from './sentence_build';
import { buildsSentence } from './sentence_builds';
import { wallSentence } from './sentence_wall';
import { compareSentence, findCompared } from './compare';
import { packageRows, packagesSentence } from './packages';
import { workersSentence } from './workers';
import { submitSentence, EMPTY_FORM } from './submission';
import { trendsOf, trendsSentence } from './trends';
import { wallOf } from './wall';
import { parseFilter } from './filter';

const said = (id: string, changes = {}) => plain(buildSentence({ ...build(id), ...changes }, NOW));

describe('sentence of a build', () => {
  it('names the step that gives other bytes', () =>
    expect(said('412')).toBe('Succeeded in 8m 02s. Not reproducible on linux/arm64: builder step 5 (Dockerfile:6) gives other bytes on another host, in 3 paths that reach the image.'));
  it('names the step that failed', () => expect(said('416')).toBe('Failed on linux/arm64 after 1m 52s: builder step 4 (Dockerfile:4) ended with exit code 1.'));
  it('says what runs', () => expect(said('418')).toBe('Running for 4m 12s: one of two platforms is done; builder step 4 on linux/riscv64 is at work.'));
  it('says what waits', () => expect(said('420')).toBe('Waits for 38s: waits for a worker for linux/arm64.'));
  it('counts platforms', () => expect(said('410')).toBe('Succeeded in 23m 20s. Reproducible on all twelve platforms, with the same bytes on two hosts.'));
  it('is honest about one execution', () => expect(said('410', { options: { ...build('410').options, verify: 0 }, cells: build('410').cells.map((cell) => ({ ...cell, comparison: undefined })) })).toBe('Succeeded in 23m 20s. Every step was executed once, so nothing is said of other hosts.'));
  it('keeps the farm and the recipe apart', () => {
    expect(said('416', { status: 'infrastructure-failed', message: 'w4: disk full' })).toBe('The farm failed, not the recipe: w4: disk full.');
    expect(said('416', { status: 'cancelled', message: '' })).toBe('Cancelled after 1m 52s.');
    expect(said('416', { status: 'timed-out', message: '' })).toBe('Timed out after 1m 52s.');
    expect(said('416', { status: 'planning', message: '' })).toBe('Planning: bases are pinned and the recipe is expanded.');
  });
  it('never has a word of the wire', () => {
    for (const each of listed()) expect(plain(buildSentence(each, NOW))).not.toMatch(/STATUS_|VERDICT_|undefined|NaN/);
  });
});

describe('other sentences', () => {
  it('wall', () => expect(plain(wallSentence(wallOf(recipes(), listed(), NOW - 13 * 3600e3)))).toMatch(/^Five of 17 images need a look\. The other twelve build everywhere they are asked for, with the same bytes on .*amd64 and arm64\.$/));
  it('an empty wall', () => expect(plain(wallSentence(wallOf([], [], NOW)))).toBe('Nothing was built here yet.'));
  it('builds', () => {
    expect(plain(buildsSentence(listed().slice(0, 100), [], NOW))).toMatch(/^Of 100 builds in the last \w+ days \w+ failed, two of them the farm’s fault\. .* gave other bytes when repeated\.$/);
    expect(plain(buildsSentence([], parseFilter('x'), NOW))).toBe('No build matches the filter.');
    expect(plain(buildsSentence([], parseFilter('x'), NOW, true))).toBe('No build was found so far.');
    expect(plain(buildsSentence(listed().slice(0, 1), parseFilter('status:queued'), NOW))).toBe('1 build matches, in the last day.');
  });
  it('compare', () => {
    const compared = findCompared(build('412'), 1, 5);
    expect(compared && plain(compareSentence(compared))).toBe('The same step gives other bytes on another host. Three paths differ, and they reach the image.');
    const outside = findCompared(build('412'), 0, 2);
    expect(outside && plain(compareSentence(outside))).toBe('The same step gives other bytes on another host. Three paths differ, and none of it reaches the image.');
  });
  it('packages', () => {
    const rows = (id: string) => packageRows(packagesOf(id).rows.map((row) => ({ ...row, build: Number(id), image: 'x' })));
    expect(plain(packagesSentence(rows('412'), 'in this build'))).toBe('Of 29 packages in this build, 23 are wheels on every platform. Four are compiled somewhere and one is unknown.');
    expect(plain(packagesSentence(rows('416'), 'in this build'))).toBe('Of 24 packages in this build, 23 are wheels on every platform. One fails.');
    expect(plain(packagesSentence([], 'in this build'))).toBe('No Python package was installed in this build.');
  });
  it('workers', () => {
    expect(plain(workersSentence(farm.workers.slice(0, 5).map(worker)))).toBe('Three of five workers take work. w4 is away; w5 is drained.');
    expect(plain(workersSentence(farm.workers.slice(0, 1).map(worker)))).toBe('The one worker takes work.');
    const [w1, w2] = farm.workers.map(worker);
    if (!w1 || !w2) throw new Error('the made-up farm has too few workers');
    const unfit = { ...w1, unfit: 'its disk has 0.10 GB left, and it takes no tasks below 1.00 GB' };
    expect(plain(workersSentence([unfit, w2]))).toBe('One of two workers takes work. w1 takes none: its disk has 0.10 GB left, and it takes no tasks below 1.00 GB.');
    const distrusted = { ...w1, draining: true, drained: true, distrusted: true };
    expect(plain(workersSentence([distrusted, w2]))).toBe('One of two workers takes work. w1 is drained. What w1 made is not used.');
  });
  it('submit', () => {
    expect(plain(submitSentence(EMPTY_FORM))).toBe('Build a Dockerfile on this farm.');
    const form = { ...EMPTY_FORM, dockerfile: 'FROM scratch', platforms: ['linux/amd64', 'linux/arm64', 'linux/riscv64'], verify: 2 };
    expect(plain(submitSentence(form))).toBe('Build this Dockerfile for three platforms, every step twice.');
    expect(plain(submitSentence({ ...form, tag: 'shop:main', platforms: ['linux/arm64'], verify: 1 }))).toBe('Build shop for linux/arm64.');
  });
  it('trends', () => {
    expect(plain(trendsSentence(trendsOf(spans(28)), 'four weeks'))).toMatch(/^\d+ builds in four weeks, \w+ of them failed\. .*\d+ %/);
    expect(plain(trendsSentence(trendsOf(spans(28, false, [])), 'four weeks'))).toBe('Nothing was built in four weeks.');
  });
});
