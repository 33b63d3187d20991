// Questions over days, answered from the list of builds.
import type { Build } from './types';
import type { Sentence } from './sentence';
import { isFinished, shortPlatform, verdictOf } from './build';
import { commonPlatforms } from './wall';
import { numberWord, plural } from '../format/number';

export interface Series {
  name: string;
  tone: '' | 'ok' | 'bad' | 'farm' | 'i2' | 'i3';
  dashed?: boolean;
  /** One per day; undefined: nothing ran. */
  values: (number | undefined)[];
}

export interface Plot {
  key: string;
  title: string;
  note: string;
  unit: string;
  most: number;
  series: Series[];
}

export interface Trends {
  /** Midnights, ascending, in milliseconds. */
  days: number[];
  plots: Plot[];
}

const DAY = 86_400_000;

function midnightOf(ms: number): number {
  const date = new Date(ms);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/** Above every value a round figure: 1, 2, 5 and their tens. */
export function roundUp(value: number): number {
  if (value <= 0) return 1;
  const ten = 10 ** Math.floor(Math.log10(value));
  for (const step of [1, 2, 4, 5, 10]) if (value <= step * ten) return step * ten;
  return 10 * ten;
}

function plot(key: string, title: string, note: string, unit: string, series: Series[], most?: number): Plot | undefined {
  const values = series.flatMap((each) => each.values).filter((value) => value !== undefined);
  if (values.filter((value) => value > 0).length === 0) return undefined;
  return { key, title, note, unit, series, most: most ?? roundUp(Math.max(...values)) };
}

function platformHours(byDay: Build[][]): Series[] {
  const uses = new Map<string, number>();
  const emulated = new Set<string>();
  for (const build of byDay.flat()) {
    for (const cell of build.cells) {
      uses.set(cell.platform, (uses.get(cell.platform) ?? 0) + 1);
      if (cell.emulated) emulated.add(cell.platform);
    }
  }
  const tones = ['i3', 'i2', '', 'i2'] as const;
  return commonPlatforms(uses, 4).map((platform, i) => ({
    name: shortPlatform(platform),
    tone: tones[i] ?? 'i2',
    dashed: emulated.has(platform),
    values: byDay.map((builds) => {
      const seconds = builds.flatMap((build) => build.cells).filter((cell) => cell.platform === platform).map((cell) => cell.seconds);
      return builds.length === 0 ? undefined : seconds.reduce((sum, each) => sum + each, 0) / 3600;
    }),
  }));
}

export function trendsOf(builds: readonly Build[], days: number, now: number): Trends {
  const today = midnightOf(now);
  const list = Array.from({ length: days }, (_, i) => midnightOf(today - (days - 1 - i) * DAY + DAY / 2));
  const byDay: Build[][] = list.map(() => []);
  const index = new Map(list.map((day, i) => [day, i]));
  for (const build of builds) {
    const i = index.get(midnightOf(build.createdAt));
    if (i !== undefined && isFinished(build.status)) byDay[i]?.push(build);
  }
  const perDay = (value: (builds: Build[]) => number | undefined) => byDay.map((each) => (each.length === 0 ? undefined : value(each)));
  const verified = (each: Build[]) => each.flatMap((build) => build.cells).filter((cell) => ['reproducible', 'unreproducible', 'flaky', 'input-drift'].includes(verdictOf(cell)));
  const plots = [
    plot('builds', 'Builds', 'and failures', '', [
      { name: 'built', tone: 'i2', values: perDay((each) => each.length) },
      { name: 'failed', tone: 'bad', values: perDay((each) => each.filter((build) => build.status === 'failed' || build.status === 'timed-out').length) },
    ]),
    plot('reproducible', 'Reproducible', 'share of verified platforms', '%', [
      {
        name: '', tone: 'ok',
        values: perDay((each) => {
          const cells = verified(each);
          return cells.length === 0 ? undefined : (100 * cells.filter((cell) => verdictOf(cell) === 'reproducible').length) / cells.length;
        }),
      },
    ], 100),
    plot('hours', 'Hours', 'from submission to image, by platform', 'h', platformHours(byDay)),
    plot('farm', 'Infrastructure', 'failures', '', [{ name: 'farm', tone: 'farm', values: perDay((each) => each.filter((build) => build.status === 'infrastructure-failed').length) }]),
  ].filter((each) => each !== undefined);
  return { days: list, plots };
}

function mean(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : known.reduce((sum, each) => sum + each, 0) / known.length;
}

export function trendsSentence(trends: Trends, span: string): Sentence {
  const built = trends.plots.find((each) => each.key === 'builds')?.series ?? [];
  const sum = (series: Series | undefined) => (series?.values ?? []).reduce<number>((total, each) => total + (each ?? 0), 0);
  const total = sum(built[0]);
  if (total === 0) return [`Nothing was built in ${span}.`];
  const failed = sum(built[1]);
  const head = `${plural(total, 'build')} in ${span}, ${failed === 0 ? 'none' : numberWord(failed)} of them failed.`;
  const share = trends.plots.find((each) => each.key === 'reproducible')?.series[0]?.values;
  if (!share) return [head];
  const half = Math.floor(share.length / 2);
  const before = mean(share.slice(0, half));
  const after = mean(share.slice(half));
  if (after === undefined) return [head];
  const now = `${Math.round(after)} %`;
  if (before === undefined || Math.round(before) === Math.round(after)) return [`${head} ${now} of what was verified was reproducible.`];
  const moved = after > before ? 'rose' : 'fell';
  return [`${head} What was reproducible ${moved} from ${Math.round(before)} to ${now}.`];
}
