// The wall: one row per image, one column per platform, what needs a look first.
import type { Build, Cell, Verdict } from './types';
import { isFinished, nameOf, platformsOf, verdictOf } from './build';

export type PointKind = 'good' | 'cached' | 'differs' | 'failed' | 'farm' | 'gap' | 'running';

/** One build of one platform in the strip. */
export interface Point {
  build: number;
  kind: PointKind;
  seconds: number;
  at: number;
  verdict: Verdict;
  message: string;
}

export interface WallCell {
  platform: string;
  emulated: boolean;
  /** Of the newest build that has the platform. */
  build: Build;
  cell?: Cell;
  /** Oldest first, at most STRIP. */
  points: Point[];
}

export type WallGroup = 'look' | 'changed' | 'steady';

export interface WallRow {
  name: string;
  group: WallGroup;
  newest: Build;
  at: number;
  /** When its state last changed, in milliseconds. */
  changedAt: number;
  cells: Map<string, WallCell>;
  why: string;
}

export interface Wall {
  platforms: { platform: string; emulated: boolean }[];
  rows: Record<WallGroup, WallRow[]>;
}

const STRIP = 20;
/** A build that took less than this share of the usual came from the cache. */
const CACHED_SHARE = 0.12;

function kindOf(build: Build, cell: Cell | undefined): PointKind {
  const status = cell && cell.status !== 'unknown' ? cell.status : build.status;
  if (status === 'succeeded') return cell && verdictOf(cell) === 'unreproducible' ? 'differs' : 'good';
  if (status === 'failed' || status === 'timed-out') return 'failed';
  if (status === 'infrastructure-failed') return 'farm';
  if (status === 'running' || status === 'queued' || status === 'planning') return 'running';
  return 'gap';
}

function pointOf(build: Build, platform: string): Point {
  const cell = build.cells.find((each) => each.platform === platform);
  return {
    build: build.id,
    kind: kindOf(build, cell),
    seconds: cell?.seconds ?? 0,
    at: build.finishedAt || build.createdAt,
    verdict: cell ? verdictOf(cell) : 'unknown',
    message: cell?.message || build.message,
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** Usual seconds of one platform of an image, of builds that succeeded and were not from the cache. */
export function usualSeconds(points: readonly Point[]): number {
  const good = points.filter((point) => (point.kind === 'good' || point.kind === 'differs') && point.seconds > 0).map((point) => point.seconds);
  return median(good);
}

function pointsOf(builds: readonly Build[], platform: string): Point[] {
  const mine = builds.filter((build) => platformsOf(build).includes(platform)).slice(0, STRIP).map((build) => pointOf(build, platform)).reverse();
  const usual = usualSeconds(mine);
  return mine.map((point) => (point.kind === 'good' && point.seconds < usual * CACHED_SHARE ? { ...point, kind: 'cached' } : point));
}

/** Two points are of one state when they mean the same for a person. */
function stateOf(point: Point): string {
  if (point.kind === 'good' || point.kind === 'cached') return point.verdict === 'flaky' || point.verdict === 'input-drift' ? point.verdict : 'well';
  return point.kind;
}

interface Since {
  state: string;
  point: Point;
  first: Point;
  /** It was otherwise before. */
  changed: boolean;
}

/** The state of the newest build that has ended, and since which build it is so. */
export function stateSince(points: readonly Point[]): Since | undefined {
  const ended = points.filter((point) => point.kind !== 'running' && point.kind !== 'gap');
  const point = ended[ended.length - 1];
  if (!point) return undefined;
  const state = stateOf(point);
  let i = ended.length - 1;
  while (i > 0 && stateOf(ended[i - 1] as Point) === state) i -= 1;
  return { state, point, first: ended[i] as Point, changed: i > 0 };
}

const short = (platform: string) => platform.replace(/^linux\//, '');

function whyOf(cells: readonly WallCell[]): string {
  const states = cells.map((cell) => ({ cell, since: stateSince(cell.points) })).filter((each) => each.since);
  const of = (state: string) => states.filter((each) => each.since?.state === state);
  const names = (list: typeof states) => list.map((each) => short(each.cell.platform)).join(' and ');
  const since = (list: typeof states) => (list[0]?.since?.changed ? ` since #${list[0].since.first.build}` : '');
  const message = (list: typeof states) => (list[0]?.since?.point.message ?? '').replace(/[.\s]+$/, '');
  const farm = of('farm');
  const failed = of('failed');
  if (failed.length > 0) return `Fails on ${names(failed)}${since(failed)}${message(failed) ? `: ${message(failed)}` : ''}.`;
  if (farm.length > 0) return `The farm failed on ${names(farm)}${since(farm)}${message(farm) ? `: ${message(farm)}` : ''}. Not the recipe.`;
  const flaky = of('flaky');
  if (flaky.length > 0) {
    const points = flaky[0]?.cell.points ?? [];
    const bad = points.filter((point) => point.kind === 'failed').length;
    return `Flaky on ${names(flaky)}${bad > 0 ? `: ${bad} of the last ${points.length} failed` : ''}.`;
  }
  const differs = of('differs');
  if (differs.length > 0) return `Unreproducible on ${names(differs)}${since(differs)}.`;
  const drift = of('input-drift');
  if (drift.length > 0) return `Given other inputs on ${names(drift)}${since(drift)}.`;
  return '';
}

function groupOf(cells: readonly WallCell[], midnight: number): { group: WallGroup; changedAt: number } {
  const states = cells.map((cell) => stateSince(cell.points)).filter((since): since is Since => !!since);
  const changedAt = Math.max(0, ...states.filter((since) => since.changed).map((since) => since.first.at));
  if (states.some((since) => since.state !== 'well')) return { group: 'look', changedAt };
  return { group: changedAt >= midnight ? 'changed' : 'steady', changedAt };
}

function rowOf(name: string, builds: readonly Build[], midnight: number): WallRow {
  const newest = builds[0] as Build;
  const cells = new Map<string, WallCell>();
  const platforms = new Set(builds.slice(0, STRIP).flatMap(platformsOf));
  for (const platform of platforms) {
    const build = builds.find((each) => platformsOf(each).includes(platform)) as Build;
    const cell = build.cells.find((each) => each.platform === platform);
    const emulated = builds.some((each) => each.cells.some((one) => one.platform === platform && one.emulated));
    cells.set(platform, { platform, emulated, build, cell, points: pointsOf(builds, platform) });
  }
  const list = [...cells.values()];
  const { group, changedAt } = groupOf(list, midnight);
  return { name, group, newest, at: newest.finishedAt || newest.createdAt, changedAt, cells, why: group === 'look' ? whyOf(list) : '' };
}

const MOST_PLATFORMS = 4;

/** The platforms that have a column: those that are used most, and none for a single image among many. */
export function commonPlatforms(uses: ReadonlyMap<string, number>, most: number): string[] {
  const largest = Math.max(0, ...uses.values());
  return [...uses]
    .filter(([, count]) => count * 8 >= largest)
    .sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]))
    .slice(0, most)
    .map(([platform]) => platform)
    .sort((a, b) => a.localeCompare(b));
}

export function wallOf(builds: readonly Build[], midnight: number): Wall {
  const byName = new Map<string, Build[]>();
  for (const build of [...builds].sort((a, b) => b.id - a.id)) {
    if (build.aheadOf) continue;
    const name = nameOf(build);
    byName.set(name, [...(byName.get(name) ?? []), build]);
  }
  const rows: Wall['rows'] = { look: [], changed: [], steady: [] };
  const uses = new Map<string, { count: number; emulated: boolean }>();
  for (const [name, mine] of byName) {
    const row = rowOf(name, mine, midnight);
    rows[row.group].push(row);
    for (const cell of row.cells.values()) {
      const use = uses.get(cell.platform) ?? { count: 0, emulated: false };
      uses.set(cell.platform, { count: use.count + 1, emulated: use.emulated || cell.emulated });
    }
  }
  rows.look.sort((a, b) => b.changedAt - a.changedAt || b.at - a.at);
  rows.changed.sort((a, b) => b.changedAt - a.changedAt);
  rows.steady.sort((a, b) => a.name.localeCompare(b.name));
  const platforms = commonPlatforms(new Map([...uses].map(([platform, use]) => [platform, use.count])), MOST_PLATFORMS);
  return { platforms: platforms.map((platform) => ({ platform, emulated: uses.get(platform)?.emulated ?? false })), rows };
}

export function isRunning(build: Build): boolean {
  return !isFinished(build.status) && build.status !== 'unknown';
}
