import { describe, expect, it } from 'vitest';
import { build } from '../test/fixture';
import { cellOf, cellSays, combinationsSentence } from './combinations';
import { plain } from './sentence';
import type { Build, Combinations } from './types';

const one = build('412');
const some = (changes: Partial<Build>): Build => ({ ...one, ...changes });
const matrix = (changes: Partial<Combinations>, builds: Build[] = [one, one]): Combinations => ({
  id: 12,
  status: 'succeeded',
  verdict: 'unverified',
  createdAt: 1,
  finishedAt: 2,
  platforms: one.options.platforms,
  builds,
  ...changes,
});

describe('combinations', () => {
  it('says first what is not well', () => {
    const failed = some({ status: 'failed' });
    expect(plain(combinationsSentence(matrix({ status: 'failed' }, [some({ status: 'succeeded' }), failed, failed])))).toBe('2 of 3 combinations did not succeed: the matrix failed.');
    expect(plain(combinationsSentence(matrix({ status: 'running' }, [failed, some({ status: 'running' })])))).toBe('1 of 2 combinations ended.');
    const well = [some({ status: 'succeeded' }), some({ status: 'succeeded' })];
    expect(plain(combinationsSentence(matrix({}, well)))).toBe('All 2 combinations succeeded.');
    expect(plain(combinationsSentence(matrix({ verdict: 'reproducible' }, well)))).toBe('All 2 combinations are reproducible.');
    expect(plain(combinationsSentence(matrix({ verdict: 'flaky' }, well)))).toBe('All 2 combinations succeeded; flaky is the gravest verdict.');
  });
  it('knows the odd cells', () => {
    expect(cellOf(one, 'plan9/mips')).toBeUndefined();
    expect(cellSays(one, 'plan9/mips')).toBe('not built for this platform');
    const early = some({ cells: [], status: 'failed', message: 'Dockerfile:1: no' });
    const platform = one.options.platforms[0] ?? '';
    expect(cellOf(early, platform)).toEqual({ status: 'failed' });
    expect(cellSays(early, platform)).toBe('failed · Dockerfile:1: no');
    expect(cellOf(one, platform)?.cell?.platform).toBe(platform);
  });
});
