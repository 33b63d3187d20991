import { describe, expect, it } from 'vitest';
import { build, entry, listed, NOW, packagesOf, recipes } from '../test/fixture';
import { bytesToText, platform, time, word } from '../api/decode';
import { parseFilter, toggleWord } from './filter';
import { imageName, nameOf } from './build';
import { indexOfLine, keptRanges, logItems, parseLines } from './log_items';
import { firstOpen, logColumn, logSteps } from './log_steps';
import { recipeLines, warningPlace } from './recipe';
import { stateSince, wallOf } from './wall';
import { chainOf, differingPart, findCompared, levelsOf, pathTree } from './compare';
import { parseTask, sharedHosts } from './workers';
import { factsOf } from './facts';
import { liveMark } from './live_mark';
import { parsePlace, to } from '../frame/router';
import { roundUp } from './trends';

describe('decoding', () => {
  it('takes the terminal’s words', () => {
    expect(word('BUILD_STATUS_INFRASTRUCTURE_FAILED', 'BUILD_STATUS_')).toBe('infrastructure-failed');
    expect(word('VERDICT_INPUT_DRIFT', 'VERDICT_')).toBe('input-drift');
    expect(word('STEP_STATUS_UNSPECIFIED', 'STEP_STATUS_')).toBe('unknown');
    expect(word(undefined, 'X_')).toBe('unknown');
  });
  it('keeps milliseconds of nanoseconds', () => expect(time('1763000000123456789')).toBeCloseTo(1763000000123.4568, 1));
  it('reads bytes as text', () => {
    expect(bytesToText(btoa('a/b'))).toBe('a/b');
    expect(bytesToText('/w==')).toBe('\uFFFD');
    expect(bytesToText('!')).toBe('');
  });
  it('joins platforms', () => expect([platform({ os: 'linux', architecture: 'arm', variant: 'v7' }), platform(undefined)]).toEqual(['linux/arm/v7', '']));
});

describe('names', () => {
  it.each([['shop-api:main', 'shop-api'], ['localhost:5000/team/x:1', 'localhost:5000/team/x'], ['localhost:5000/x', 'localhost:5000/x'], ['x@sha256:ab', 'x']])('%s is %s', (tag, name) => expect(imageName(tag)).toBe(name));
  it('falls back to the recipe', () => {
    expect(nameOf({ ...build('412'), options: { ...build('412').options, tags: [] }, target: 'final' })).toBe('Dockerfile final');
    expect(nameOf({ ...build('412'), options: { ...build('412').options, tags: [] }, aheadOf: 7 })).toBe('wheels for #7');
  });
});

describe('filter', () => {
  it('is cut into words, quotes kept together', () => {
    expect(parseFilter(' status:failed -label:"a b"  "exit code" duration>30s x').map((word) => [word.not, word.field, word.text])).toEqual([
      [false, 'status', 'status:failed'], [true, 'label', '-label:"a b"'], [false, '', '"exit code"'], [false, 'duration', 'duration>30s'], [false, '', 'x'],
    ]);
    expect(parseFilter('"not closed: x').map((word) => word.text)).toEqual(['"not closed: x']);
    expect(parseFilter('"a \\" b" c').map((word) => word.text)).toEqual(['"a \\" b"', 'c']);
    expect(parseFilter('')).toEqual([]);
  });
  it('toggles words', () => {
    expect(toggleWord('', 'status:failed')).toBe('status:failed');
    expect(toggleWord('shop status:failed', 'status:failed')).toBe('shop');
    expect(toggleWord('status:failed shop', 'status:running')).toBe('shop status:running');
  });
});

describe('log', () => {
  const failing = build('416');
  const steps = logSteps(failing, logColumn(failing, '', ''));
  it('keeps what is open until another runs', () => {
    const set = (running: number) => steps.slice(0, 4).map((each, i) => ({ ...each, step: { ...each.step, execution: '7', seconds: 9 - i, status: i === running ? ('running' as const) : ('executed' as const) } }));
    const [first, second, third] = steps.map((each) => each.key);
    expect(firstOpen(set(9))?.key).toBe(first);
    expect(firstOpen(set(9), third)?.key).toBe(third);
    expect(firstOpen(set(1), third)?.key).toBe(second);
    expect(firstOpen(set(2), third)?.key).toBe(third);
  });
  it('opens what failed', () => expect(firstOpen(steps)?.label).toBe('builder 4'));
  it('follows the step that is asked for', () => expect(logColumn(failing, '0.2', '')?.platform).toBe('linux/amd64'));
  it('has heads and every line of the open step', () => {
    const items = logItems({ steps, open: '2.4', total: 1_000_000, opened: new Set(), withEnd: true });
    expect(items.data.length).toBe(1_000_000 + steps.length + 1);
    expect(items.data[items.firstLine]).toBe(1);
    expect(indexOfLine(items, 1_000_000)).toBe(items.firstLine + 999_999);
  });
  it('folds stretches without match while a search is on', () => {
    const items = logItems({ steps, open: '2.4', total: 1214, kept: [600, 601, 1206], opened: new Set(), withEnd: false });
    const gaps = items.specials.filter((special) => special.kind === 'gap');
    expect(gaps).toEqual([{ kind: 'gap', from: 3, to: 597 }, { kind: 'gap', from: 604, to: 1203 }]);
    expect(items.data[indexOfLine(items, 601)]).toBe(601);
    expect(items.data[indexOfLine(items, 700)]).toBeLessThan(0);
    const opened = logItems({ steps, open: '2.4', total: 1214, kept: [600, 601, 1206], opened: new Set([3, 604]), withEnd: false });
    expect(opened.lines).toBe(1214);
  });
  it('keeps the ends', () => expect(keptRanges([50], 100)).toEqual([[1, 2], [48, 52], [98, 100]]));
  it('reads line ranges', () => expect([parseLines('5'), parseLines('9-5'), parseLines('x'), parseLines(null)]).toEqual([[5, 5], [5, 9], undefined, undefined]));
});

describe('recipe', () => {
  const lines = recipeLines(build('412'), entry('412').recipe, packagesOf('412').rows);
  it('has a cost beside every line', () => {
    const pip = lines[5];
    expect(pip?.cells.map((cell) => cell?.step.seconds)).toEqual([5.1, 192, 400]);
    expect(pip).toMatchObject({ size: '+73.9 to 91.0 MB', differs: true, words: '3 paths on arm64' });
  });
  it('puts notes below the last line of an instruction', () => {
    expect(lines[1]?.notes).toEqual([]);
    expect(lines[2]?.notes[0]?.text).toContain('package lists');
    expect(lines[5]?.notes[0]?.text).toContain('29 packages: imaging is compiled on arm64 (2m 51s) and riscv64 (5m 58s)');
  });
  it('reads places of warnings', () => {
    expect(warningPlace('Dockerfile:2: text: more')).toEqual({ line: 2, text: 'text: more' });
    expect(warningPlace('no place')).toEqual({ line: 0, text: 'no place' });
  });
});

describe('wall', () => {
  const wall = wallOf(recipes(), listed(), NOW - 13 * 3600e3);
  const row = (name: string) => [...wall.rows.look, ...wall.rows.changed, ...wall.rows.steady].find((each) => each.name === name);
  it('sorts into what needs a look and what is steady', () => {
    expect(wall.rows.look.map((each) => each.name).sort()).toEqual(expect.arrayContaining(['billing', 'importer', 'shop-api', 'worker']));
    expect(wall.rows.steady.map((each) => each.name)).toContain('auth');
  });
  it('has at most twenty builds in a strip, oldest first', () => {
    const points = row('auth')?.cells.get('linux/amd64')?.points ?? [];
    expect(points.length).toBe(20);
    expect(points.map((point) => point.build)).toEqual([...points.map((point) => point.build)].sort((a, b) => a - b));
  });
  it('says since when', () => {
    const since = stateSince(row('billing')?.cells.get('linux/arm64')?.points ?? []);
    expect(since).toMatchObject({ state: 'failed', changed: true });
    expect(row('billing')?.why).toMatch(/^Fails on arm64 since #\d+: builder step 4 \(Dockerfile:4\): exit code 1\.$/);
    expect(row('importer')?.why).toBe('Flaky on amd64: 3 of the last 20 failed.');
    expect(row('worker')?.why).toMatch(/Not the recipe\.$/);
  });
  it('has columns of platforms that are common', () => expect(wall.platforms.map((each) => each.platform)).toEqual(['linux/amd64', 'linux/arm64', 'linux/riscv64']));
});

describe('compare', () => {
  const compared = findCompared(build('412'), 1, 5);
  it('chains the steps', () => expect(compared && chainOf(compared).map((link) => link.kind)).toEqual(['same', 'outside', 'same', 'same', 'reaches']));
  it('knows levels', () => {
    expect(levelsOf('none').some((each) => each.equal)).toBe(false);
    const equal = (level: string) => levelsOf(level).filter((each) => each.equal).map((each) => each.level);
    expect(equal('entries')).toEqual(['entries', 'root', 'contents', 'exports']);
    expect(equal('manifests')).toEqual(equal('entries'));
    expect(equal('contents')).toEqual(['contents']);
    expect(levelsOf('contents').some((each) => each.level === 'exports')).toBe(false);
  });
  it('makes a tree with what is known', () => {
    const rows = pathTree(compared?.step.differences ?? [], compared?.step.causes ?? []);
    expect(rows.filter((row) => row.kind === 'folder').length).toBe(2);
    expect(rows.find((row) => row.name === 'RECORD')?.known).toBe('follows from _imaging.cpython-312-aarch64.so');
  });
  it('finds the part that differs', () => expect(differingPart('/tmp/x8k2/src', '/tmp/q1zd/src')).toEqual({ before: '/tmp/', first: 'x8k2', second: 'q1zd', after: '/src' }));
  it('does not overlap in texts of other lengths', () => expect(differingPart('aaa', 'aa')).toEqual({ before: 'aa', first: 'a', second: '', after: '' }));
});

describe('small things', () => {
  it('reads task names', () => {
    expect(parseTask('b12/linux/arm/v7/builder/r1')).toEqual({ build: 12, platform: 'linux/arm/v7', stage: 'builder', replica: 1 });
    expect(parseTask('x')).toBeUndefined();
  });
  it('finds hosts with two workers', () => expect(sharedHosts([]).length).toBe(0));
  it('has facts', () => expect(factsOf(build('412'), NOW, 'utc').map((fact) => `${fact.name} ${fact.value}`)).toEqual(expect.arrayContaining(['submitted today 12:37', 'asked 2 executions on 2 hosts', 'from cache 6 of 26 steps, saved 20.4s'])));
  it('says what is live', () => {
    expect(liveMark({ running: 2, waiting: 1, takeWork: 3, workers: 5 })).toBe('live, 2 run, 1 waits, 3 of 5 workers');
    expect(liveMark({ running: 0, waiting: 0, takeWork: 0, workers: 0 })).toBe('live, nothing runs');
  });
  it('reads and writes places', () => {
    expect(parsePlace('').path).toBe('/wall');
    expect(parsePlace('#wall?screen=1').query.get('screen')).toBe('1');
    expect(to(['builds'], { q: 'status:failed platform:linux/arm64', x: undefined })).toBe('#builds?q=status:failed+platform:linux/arm64');
    expect(parsePlace('#builds?q=status:failed+platform:linux/arm64').query.get('q')).toBe('status:failed platform:linux/arm64');
  });
  it('rounds plots up', () => expect([0, 0.7, 3, 41, 96, 130].map(roundUp)).toEqual([1, 1, 4, 50, 100, 200]));
});
