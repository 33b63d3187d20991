import { describe, expect, it } from 'vitest';
import { axis, clock, elapsed, instant, instantWithTime, seconds, sinceStart, whole } from './time';
import { added, bytes, bytesRange, count, joined, joinedShort, numberWord, percent, plural, shortDigest } from './number';

describe('spans', () => {
  it.each([
    [0, '0.0s'], [5.1, '5.1s'], [48.2, '48.2s'], [59.94, '59.9s'], [59.96, '1m 00s'], [192, '3m 12s'], [3599.6, '1h 00m'], [3840, '1h 04m'],
    [86400, '1d 0h'], [2 * 86400 + 3 * 3600, '2d 3h'], [-1, '–'], [Number.NaN, '–'], [undefined, '–'],
  ])('%s seconds are %s', (value, text) => expect(seconds(value)).toBe(text));
  it('has no tenths while it runs', () => {
    expect(elapsed(4.9)).toBe('4s');
    expect(elapsed(252.7)).toBe('4m 12s');
  });
  it('is round on an axis', () => expect([0, 30, 60, 90, 3600, 7200].map(axis)).toEqual(['0', '30s', '1m', '1m 30s', '1h', '2h']));
  it('counts from the start of a step', () => expect([0.42, 59.94, 73.1, 112, 3783].map(sinceStart)).toEqual(['0.4', '59.9', '1m 13.1', '1m 52.0', '1h 03m 03']));
});

describe('instants', () => {
  const now = Date.UTC(2026, 10, 26, 14, 2, 7);
  const at = (...parts: [number, number, number, number, number]) => Date.UTC(...parts);
  it.each([
    [at(2026, 10, 26, 13, 39), '13:39'], [at(2026, 10, 26, 0, 0), '00:00'], [at(2026, 10, 25, 23, 59), 'yesterday'], [at(2026, 10, 21, 9, 5), '21 Nov'], [at(2025, 10, 21, 9, 5), '21 Nov 2025'], [0, '–'],
  ])('%s is %s', (ms, text) => expect(instant(ms, now, 'utc')).toBe(text));
  it('has the time where there is room', () => {
    expect(instantWithTime(at(2026, 10, 26, 13, 39), now, 'utc')).toBe('today 13:39');
    expect(instantWithTime(at(2026, 10, 25, 13, 39), now, 'utc')).toBe('yesterday 13:39');
  });
  it('is whole in the reading line', () => {
    expect(whole(now, 'utc')).toBe('2026-11-26 14:02:07 UTC');
    expect(clock(now, 'utc')).toBe('14:02:07');
  });
});

describe('numbers', () => {
  it.each([
    [0, '0 B'], [999, '999 B'], [1536, '1.5 kB'], [412_000, '412 kB'], [999_600, '1.0 MB'], [73.9e6, '73.9 MB'], [612e6, '612 MB'], [2.4e10, '24.0 GB'], [undefined, '–'],
  ])('%s bytes are %s', (value, text) => expect(bytes(value)).toBe(text));
  it('shows what a layer adds', () => expect(added(88.4e6)).toBe('+88.4 MB'));
  it('shows ranges', () => {
    expect(bytesRange([91e6, 73.9e6])).toBe('73.9 to 91.0 MB');
    expect(bytesRange([412e3, 3.2e6], '+')).toBe('+412 kB to 3.2 MB');
    expect(bytesRange([3.2e6, 3.2e6], '+')).toBe('+3.2 MB');
    expect(bytesRange([])).toBe('');
  });
  it('counts', () => {
    expect(count(1206)).toBe('1,206');
    expect(count(1_000_000)).toBe('1,000,000');
    expect(percent(77, 100)).toBe('77 %');
    expect(percent(1, 0)).toBe('–');
    expect(plural(1, 'path')).toBe('1 path');
    expect(plural(1200, 'path')).toBe('1,200 paths');
    expect(numberWord(4)).toBe('four');
    expect(numberWord(13)).toBe('13');
  });
  it('cuts digests at their end only', () => {
    expect(shortDigest('sha256:72e0e45d634199887766')).toBe('sha256:72e0e45d6341');
    expect(shortDigest('sha256:72e0e45d634199887766', false)).toBe('72e0e45d6341');
  });
  it('joins names', () => {
    expect(joined([])).toBe('');
    expect(joined(['a', 'b'])).toBe('a and b');
    expect(joined(['a', 'b', 'c'])).toBe('a, b and c');
    expect(joinedShort(['a', 'b', 'c', 'd'])).toBe('a, b and 2 more');
  });
});
