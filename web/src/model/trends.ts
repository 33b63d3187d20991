// Questions over days and weeks, from the farm's sums.
import type { Sentence } from './sentence';
import { shortPlatform } from './build';
import { commonPlatforms } from './wall';
import { numberWord, plural } from '../format/number';

export interface PlatformSums {
  platform: string;
  cells: number;
  emulated: number;
  reproducible: number;
  verified: number;
  executedSeconds: number;
  compileSeconds: number;
  savedSeconds: number;
}

/** What ended in a day or a week. */
export interface Span {
  /** Milliseconds. */
  start: number;
  builds: number;
  failed: number;
  infrastructure: number;
  /** Seconds; 0: nothing was executed. */
  waitMedian: number;
  wait95: number;
  platforms: PlatformSums[];
}

export interface Series {
  name: string;
  tone: '' | 'ok' | 'bad' | 'farm' | 'i2' | 'i3';
  dashed?: boolean;
  /** One per span; undefined: nothing ran. */
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
  /** Where days or weeks begin, ascending, in milliseconds. */
  days: number[];
  plots: Plot[];
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

const TONES = ['i3', 'i2', '', 'i2'] as const;

/** A line for each platform that is used much. */
function byPlatform(spans: readonly Span[], seconds: (platform: PlatformSums) => number): Series[] {
  const uses = new Map<string, number>();
  const emulated = new Set<string>();
  for (const each of spans.flatMap((span) => span.platforms)) {
    if (seconds(each) > 0) uses.set(each.platform, (uses.get(each.platform) ?? 0) + seconds(each));
    if (each.emulated > 0) emulated.add(each.platform);
  }
  return commonPlatforms(uses, 4).map((platform, i) => ({
    name: shortPlatform(platform),
    tone: TONES[i] ?? 'i2',
    dashed: emulated.has(platform),
    values: spans.map((span) => (span.platforms.length === 0 ? undefined : span.platforms.filter((each) => each.platform === platform).reduce((sum, each) => sum + seconds(each), 0) / 3600)),
  }));
}

function waits(spans: readonly Span[]): Plot | undefined {
  const longest = Math.max(0, ...spans.map((span) => span.wait95));
  const [unit, length] = longest > 5400 ? (['h', 3600] as const) : longest > 90 ? (['min', 60] as const) : (['s', 1] as const);
  const values = (of: (span: Span) => number) => spans.map((span) => (of(span) > 0 ? of(span) / length : undefined));
  return plot('wait', 'Queue', 'from submission to the first step', unit, [
    { name: 'median', tone: 'i2', values: values((span) => span.waitMedian) },
    { name: '95 %', tone: 'i3', dashed: true, values: values((span) => span.wait95) },
  ]);
}

export function trendsOf(spans: readonly Span[]): Trends {
  const perSpan = (value: (span: Span) => number | undefined) => spans.map((span) => (span.builds === 0 ? undefined : value(span)));
  const share = (span: Span) => {
    const sum = (of: (platform: PlatformSums) => number) => span.platforms.reduce((total, each) => total + of(each), 0);
    const verified = sum((each) => each.verified);
    return verified === 0 ? undefined : (100 * sum((each) => each.reproducible)) / verified;
  };
  const saved = (span: Span) => span.platforms.reduce((sum, each) => sum + each.savedSeconds, 0) / 3600;
  const executed = (span: Span) => span.platforms.reduce((sum, each) => sum + each.executedSeconds, 0) / 3600;
  const plots = [
    plot('builds', 'Builds', 'and failures', '', [
      { name: 'built', tone: 'i2', values: perSpan((span) => span.builds) },
      { name: 'failed', tone: 'bad', values: perSpan((span) => span.failed) },
    ]),
    plot('reproducible', 'Reproducible', 'share of verified platforms', '%', [{ name: '', tone: 'ok', values: perSpan(share) }], 100),
    plot('compile', 'Compiling', 'hours of packages, by platform', 'h', byPlatform(spans, (each) => each.compileSeconds)),
    plot('hours', 'Steps', 'hours executed, by platform', 'h', byPlatform(spans, (each) => each.executedSeconds)),
    plot('cache', 'Cache', 'hours that steps had taken before', 'h', [
      { name: 'saved', tone: 'ok', values: spans.map((span) => (span.platforms.length === 0 ? undefined : saved(span))) },
      { name: 'executed', tone: 'i3', values: spans.map((span) => (span.platforms.length === 0 ? undefined : executed(span))) },
    ]),
    waits(spans),
    plot('farm', 'Infrastructure', 'failures', '', [{ name: 'farm', tone: 'farm', values: perSpan((span) => span.infrastructure) }]),
  ].filter((each) => each !== undefined);
  return { days: spans.map((span) => span.start), plots };
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
