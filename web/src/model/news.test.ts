import { describe, expect, it } from 'vitest';
import { build as decodeBuild } from '../api/decode';
import { newsOf } from '../api/farm_events';
import type { Build } from './types';
import { LastStates, Refresh, staleAfter, withNewest, withStates } from './news';

function made(id: number, lastEvent: number, status = 'RUNNING'): Build {
  return decodeBuild({ id: String(id), status: `BUILD_STATUS_${status}` as 'BUILD_STATUS_RUNNING', lastEvent: String(lastEvent) });
}
const ids = (builds: readonly Build[]) => builds.map((build) => build.id);
const nothing = { reset: false, builds: [], workers: false };

describe('news of the farm', () => {
  it('are read from the stream, and anything else is none', () => {
    const event = (type: string, data: string) => newsOf({ id: '7', type, data });
    expect(event('farm', '{"sequence":"7","reset":true,"builds":[],"workers":false}')).toEqual({ reset: true, builds: [], workers: false });
    expect(event('farm', '{"sequence":"8","builds":[{"id":"3","status":"BUILD_STATUS_FAILED"}],"workers":true}')).toMatchObject({ reset: false, builds: [{ id: 3, status: 'failed' }], workers: true });
    expect(event('farm', '{')).toBeUndefined();
    expect(event('end', '{}')).toBeUndefined();
  });
  it('replace older states and leave newer ones', () => {
    const list = [made(3, 10), made(2, 5), made(1, 5)];
    const changed = withStates(list, [made(3, 9, 'QUEUED'), made(2, 6, 'FAILED'), made(9, 1)]);
    expect(changed.map((build) => build.status)).toEqual(['running', 'failed', 'running']);
    expect(withStates(list, [made(3, 10, 'FAILED'), made(9, 1)])).toBe(list);
  });
  it('bring new builds to the top, and no more than there is room for', () => {
    const list = [made(5, 1), made(4, 1), made(3, 1)];
    expect(ids(withNewest(list, [made(7, 1), made(6, 1)], 3))).toEqual([7, 6, 5]);
    expect(ids(withNewest(list, [made(1, 1)], 3))).toEqual([5, 4, 3]);
    expect(ids(withNewest(list, [made(1, 1)], 50))).toEqual([5, 4, 3, 1]);
    expect(ids(withNewest([], [made(1, 1), made(2, 1)], 50))).toEqual([2, 1]);
    expect(withNewest(list, [], 3)).toBe(list);
  });
  it('are kept for answers that come late, the last ones', () => {
    const last = new LastStates(3);
    last.note([made(1, 1), made(2, 1), made(3, 1)]);
    last.note([made(1, 2), made(4, 1)]);
    expect(last.all().map((build) => [build.id, build.lastEvent])).toEqual([[3, 1], [1, 2], [4, 1]]);
    last.clear();
    expect(last.all()).toEqual([]);
  });
});

describe('what is outdated', () => {
  it('follows from what is told', () => {
    expect(staleAfter(nothing)).toEqual([]);
    expect(staleAfter({ ...nothing, workers: true })).toEqual(['workers']);
    expect(staleAfter({ ...nothing, builds: [made(1, 1)] })).toEqual(['found']);
    expect(staleAfter({ ...nothing, builds: [made(1, 1), made(2, 1, 'TIMED_OUT')] })).toEqual(['found', 'wall', 'trends', 'recent', 'compiled']);
    expect(new Set(staleAfter({ ...nothing, reset: true }))).toEqual(new Set(['newest', 'found', 'builds', 'recent', 'wall', 'trends', 'workers', 'compiled']));
  });
  it('is asked for at once, then not more often than its pause, and after the last news once more', () => {
    const refresh = new Refresh();
    expect(refresh.nextAt()).toBeUndefined();
    refresh.note(['workers', 'trends']);
    expect(refresh.take(10_000)).toEqual(['workers', 'trends']);
    expect(refresh.nextAt()).toBeUndefined();
    for (let now = 10_500; now < 12_000; now += 500) {
      refresh.note(['workers']);
      expect(refresh.take(now)).toEqual([]);
      expect(refresh.nextAt()).toBe(12_000);
    }
    expect(refresh.take(12_000)).toEqual(['workers']);
    expect(refresh.nextAt()).toBeUndefined();
    refresh.note(['trends', 'workers']);
    expect(refresh.take(30_000)).toEqual(['workers']);
    expect(refresh.nextAt()).toBe(70_000);
  });
});
