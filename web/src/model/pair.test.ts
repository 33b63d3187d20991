import { describe, expect, it } from 'vitest';
import { build, packagesOf } from '../test/fixture';
import { platformPair } from '../api/compare_queries';
import type * as wire from '../api/wire';
import { changesOf, levelOutcome, pairNote, pairSentence, stepShown, stepsNote, type BuildPair } from './pair';
import { differencesOfPair, packagesApart, platformsSentence, platformSteps } from './platform_pair';
import { plain } from './sentence';
// @ts-expect-error The made-up farm is plain JavaScript.
import { pairOf } from '../../fixtures/pairs.mjs';

const platforms = (pairOf('412', '416', 0) as { items: wire.CompareBuildsResponse[] }).items.map((item) => platformPair(item.platform!));
const [amd64, arm64, riscv64] = platforms as [BuildPair['platforms'][0], BuildPair['platforms'][0], BuildPair['platforms'][0]];
const pair = { first: 412, second: 416, platforms };

describe('two builds', () => {
  it('are told in one sentence', () => {
    expect(plain(pairSentence(pair))).toBe('Builds 412 and 416 differ on linux/amd64 from builder step 2 (Dockerfile:2) on, and have the same image on linux/arm64.');
    expect(plain(pairSentence({ ...pair, platforms: [arm64] }))).toBe('The same image in builds 412 and 416 on linux/arm64.');
    expect(plain(pairSentence({ ...pair, platforms: [riscv64] }))).toBe('Builds 412 and 416 have no platform in common: linux/riscv64 only in 412.');
    expect(plain(pairSentence({ ...pair, platforms: [{ ...arm64, result: 'unknown', problem: 'its plan is gone' }] }))).toBe('Not known whether they are the same on linux/arm64: its plan is gone.');
  });
  it('say of each step what is known', () => {
    expect(amd64.steps.map((step) => [step.state, pairNote(step)])).toEqual([['equal', ''], ['different', 'not given the same'], ['different', 'on other layers'], ['only-second', ''], ['unknown', '']]);
    expect(pairNote({ ...amd64.steps[1]!, sameKey: true })).toBe('given the same');
    expect(stepsNote(amd64)).toBe('1 of 5 steps equal');
    expect(stepsNote(arm64)).toBe('all 1 step is equal');
  });
  it('show the step where they part, or the one chosen', () => {
    expect(stepShown(amd64, null)).toBe(1);
    expect(stepShown(amd64, '2')).toBe(2);
    expect(stepShown(amd64, '4')).toBe(1);
    expect(stepShown(amd64, 'x')).toBe(1);
    expect(stepShown({ ...amd64, divergence: 3 }, null)).toBe(1);
    expect(stepShown(arm64, null)).toBe(-1);
  });
  it('have levels as the terminal says them', () => {
    expect(amd64.levels.map(levelOutcome)).toEqual(['differs', 'equal', '1 of 4 equal', expect.stringMatching(/^not compared: a layer/)]);
  });
  it('know whether inputs differ', () => {
    expect([changesOf(amd64.changes), changesOf(arm64.changes), changesOf(undefined)]).toEqual([true, false, false]);
    expect(changesOf({ ...arm64.changes!, contextProblem: 'gone' })).toBe(true);
  });
});

describe('two platforms', () => {
  const one = build('412');
  const neutral = one.neutral!;
  it('have their steps side by side', () => {
    const rows = platformSteps(one, 'linux/amd64', 'linux/arm64');
    expect(rows.map((row) => `${row.stage} ${row.number}`)).toEqual(['builder 2', 'builder 3', 'builder 4', 'builder 5', 'assets 2', 'assets 3', 'stage-2 2', 'stage-2 3', 'stage-2 4', 'stage-2 5']);
    expect(rows.filter((row) => row.shared).map((row) => row.stage)).toEqual(['assets', 'assets']);
    expect([rows[3]?.first?.seconds, rows[3]?.second?.seconds]).toEqual([5.1, 192]);
  });
  it('say what should be the same', () => {
    expect(plain(platformsSentence(neutral, 'linux/arm64', 'linux/amd64'))).toMatch(/^1 path that should be the same differs: prices\.cpython-312\.pyc\./);
    expect(plain(platformsSentence(neutral, 'linux/amd64', 'linux/riscv64'))).toMatch(/^No difference of these two is on record; 1 path differs between platforms/);
    expect(plain(platformsSentence({ ...neutral, differences: [], differencesTotal: 0 }, 'linux/amd64', 'linux/arm64'))).toMatch(/^What should be the same is: 1,841 paths on all platforms\./);
    expect(plain(platformsSentence(undefined, 'linux/amd64', 'linux/arm64'))).toMatch(/^Nothing was compared/);
  });
  it('claim nothing of two that were not compared with each other', () => expect(differencesOfPair(neutral, 'linux/arm64', 'linux/riscv64')).toEqual([]));
  it('name packages that came otherwise', () => {
    const apart = packagesApart(packagesOf('412').rows, 'linux/amd64', 'linux/arm64');
    expect(apart.map((each) => [each.name, each.first?.outcome, each.second?.outcome])).toContainEqual(['imaging', 'wheel', 'source']);
    expect(packagesApart(packagesOf('412').rows, 'linux/amd64', 'linux/amd64')).toEqual([]);
  });
});
