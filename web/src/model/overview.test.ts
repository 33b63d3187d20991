import { describe, expect, it } from 'vitest';
import { listed, NOW, recipes, spans } from '../test/fixture';
import { recipeRow, span } from '../api/decode_overview';
import { wallOf } from './wall';
import { trendsOf } from './trends';

const MIDNIGHT = NOW - 13 * 3600e3;
const all = (wall: ReturnType<typeof wallOf>) => [...wall.rows.look, ...wall.rows.changed, ...wall.rows.steady];

describe('rows of the farm', () => {
  it('stand also where fields are missing', () => {
    expect(recipeRow({})).toMatchObject({ name: '', changedAt: 0, cells: [] });
    expect(span({})).toMatchObject({ builds: 0, platforms: [] });
  });
  it('put what runs in front of what has ended', () => {
    const running = listed().find((build) => build.id === 418)!;
    const row = all(wallOf(recipes(), [running], MIDNIGHT)).find((each) => each.name === 'worker')!;
    expect(row.newest.id).toBe(418);
    const points = row.cells.get('linux/amd64')!.points;
    expect(points[points.length - 1]).toMatchObject({ build: 418 });
    expect(points.length).toBeLessThanOrEqual(20);
  });
  it('have one for an image that was never built before', () => {
    const running = listed().find((build) => build.id === 418)!;
    const first = { ...running, options: { ...running.options, tags: ['docker.io/library/fresh:1'] } };
    expect(all(wallOf([], [first], MIDNIGHT)).map((row) => row.name)).toEqual(['fresh']);
  });
  it('leave what runs without an image name to the list above them', () => {
    const running = listed().find((build) => build.id === 418)!;
    expect(all(wallOf([], [{ ...running, options: { ...running.options, tags: [] } }], MIDNIGHT))).toEqual([]);
  });
  it('name a target, so that two of one image are told apart', () => {
    const [row] = recipes();
    expect(all(wallOf([{ ...row!, target: 'debug' }], [], MIDNIGHT))[0]?.name).toBe(`${row!.name} debug`);
  });
});

describe('sums of the farm', () => {
  const trends = trendsOf(spans(28));
  it('are a plot for each question', () => {
    expect(trends.plots.map((plot) => plot.key)).toEqual(['builds', 'reproducible', 'compile', 'hours', 'cache', 'wait', 'farm']);
    expect(trends.days.length).toBe(28);
    for (const plot of trends.plots) for (const series of plot.series) expect(series.values.length).toBe(28);
  });
  it('have gaps where nothing ended', () => {
    const empty = trendsOf(spans(3, false, []).concat(spans(1)));
    expect(empty.plots[0]?.series[0]?.values.slice(0, 3)).toEqual([undefined, undefined, undefined]);
  });
  it('say the queue in a unit that fits', () => {
    const one = { ...spans(1)[0]!, waitMedian: 7200, wait95: 10_800 };
    expect(trendsOf([one]).plots.find((plot) => plot.key === 'wait')).toMatchObject({ unit: 'h', series: [{ values: [2] }, { values: [3] }] });
  });
  it('take weeks as they take days', () => expect(trendsOf(spans(364, true)).days.length).toBe(52));
});
