// @ts-expect-error The page has no types of Node; its tests run there.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { build } from '../test/fixture';
import { buildLevel, normalizedRules, verdictRows } from './verdict_rows';
import { LEVELS, levelOfBuild, levelPhrase } from './levels';
import { differenceText, kindText, neutralNote, neutralSays } from './neutral';
import type { Build, Cell } from './types';

describe('levels', () => {
  it('have the words of the terminal', () => {
    const text = readFileSync(new URL('../../../common/words/levels.cc', import.meta.url), 'utf8') as string;
    const table = text.slice(text.indexOf('kLevels[] = {'), text.indexOf('};'));
    const rows = [...table.matchAll(/\{\s*("[a-z]+"),\s*((?:"[^"]*"\s*)+)\}/g)].map(([, word, phrase]) => ({
      word: JSON.parse(word!) as string,
      phrase: [...phrase!.matchAll(/"([^"]*)"/g)].map(([, part]) => part).join(''),
    }));
    expect(rows.length).toBeGreaterThan(8);
    expect(LEVELS).toEqual(rows);
  });
  it('of a build are the least strict', () => {
    expect(levelOfBuild(['image', 'layers', 'config'])).toBe('layers');
    expect(levelOfBuild(['image', 'image'])).toBe('index');
    expect(levelOfBuild(['image', 'manifests'])).toBe('entries');
    expect(levelOfBuild(['image', ''])).toBe('');
    expect(levelOfBuild([])).toBe('');
  });
  it('of a later farm are told as they are', () => expect(levelPhrase('galaxies')).toBe('the same up to: galaxies'));
});

describe('the verdict by platform', () => {
  const rows = verdictRows(build('412'));
  it('says how far it holds', () => {
    expect(rows.map((row) => [row.cell.platform, row.level, row.executions])).toEqual([
      ['linux/amd64', 'the whole image is the same', '2 executions on 2 hosts'],
      ['linux/arm64', '', '2 executions on 2 hosts'],
      ['linux/riscv64', '', '1 execution on 1 host'],
    ]);
    expect(buildLevel(build('412'))).toBe('');
    expect(buildLevel(build('410'))).toBe('index');
  });
  it('has the image of each execution', () => {
    expect(rows.map((row) => row.images.map((image) => image.note))).toEqual([['', 'equal'], ['', 'differs'], []]);
    const one = build('412').cells[1] as Cell;
    const digest = one.comparison!.imageDigests[0]!;
    one.comparison!.imageDigests = [digest, digest, ''];
    const [row] = verdictRows({ ...build('412'), cells: [one] });
    expect(row?.images.map((image) => image.note)).toEqual(['', "equal, because a replica goes on from the first's layers", 'no image: it did not succeed in every step of its own']);
  });
  it('is left out where nothing is recorded', () => {
    const bare: Build = { ...build('418'), cells: build('418').cells.map((cell) => ({ ...cell, comparison: undefined })) };
    expect(verdictRows(bare)).toEqual([]);
  });
});

describe('normalization', () => {
  it('is summed by rule over the steps of a platform', () => {
    const one = build('412');
    const [cell] = one.cells as [Cell];
    expect(normalizedRules(one, cell)).toEqual([{ rule: 'apt-cache', steps: 1, deed: '3 files', packageFiles: ['var/cache/debconf/config.dat'] }]);
    const step = one.stages[cell.targetStage]!.steps[0]!;
    step.normalizations = [
      { rule: 'apt-cache', files: 2, packageFiles: [], variables: [] },
      { rule: 'seeds', files: 0, packageFiles: [], variables: ['PYTHONHASHSEED=0', 'A=1'] },
    ];
    expect(normalizedRules(one, cell).map((rule) => [rule.rule, rule.steps, rule.deed])).toEqual([
      ['apt-cache', 2, '5 files'],
      ['seeds', 1, 'PYTHONHASHSEED=0, A=1'],
    ]);
  });
  it('does not count steps of other platforms', () => expect(normalizedRules(build('412'), build('412').cells[1] as Cell)).toEqual([]));
});

describe('across platforms', () => {
  const neutral = build('412').neutral!;
  it('counts what is equal', () => {
    expect(neutral.kinds.map(kindText)).toEqual(['1,206 of 1,206 equal; 12 that not every platform has, not compared', '603 of 604 equal', '31 of 31 equal']);
    expect(neutralNote(neutral)).toBe('1 path of 1,841 differs; beside the verdict');
    expect(neutralNote({ ...neutral, differencesTotal: 0 })).toBe('1,841 paths, all equal; beside the verdict');
  });
  it('says where it differs, from the first platform', () => {
    expect(neutral.differences.map((each) => [each.platform, differenceText(each)])).toEqual([['linux/arm64', 'constant 3 of prices.load']]);
    expect(differenceText({ ...neutral.differences[0]!, example: undefined, difference: { ...neutral.differences[0]!.difference, detail: 'mode' } })).toBe('mode');
  });
  it('is left out where nothing was compared', () => {
    expect(neutralSays(build('410').neutral)).toBe(false);
    expect(neutralSays({ ...neutral, kinds: [], problem: '' })).toBe(false);
    expect(neutralSays({ ...neutral, kinds: [], problem: 'linux/arm64 is too large' })).toBe(true);
  });
});
