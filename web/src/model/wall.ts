// The wall: one row per image, one column per platform, what needs a look first.
import type { Build, BuildStatus, Cell, Verdict } from './types';
import { isFinished, nameOf, platformsOf } from './build';

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

/** What the wall needs of a build. */
export type WallBuild = Pick<Build, 'id' | 'status' | 'createdAt' | 'finishedAt'>;

/** A recipe as the farm tells it: of builds that have ended. */
export interface RecipeRow {
  name: string;
  target: string;
  /** The newest. */
  build: WallBuild;
  message: string;
  /** When its state last changed, in milliseconds; 0: never. */
  changedAt: number;
  cells: {
    platform: string;
    emulated: boolean;
    newest: Cell;
    /** Oldest first. */
    points: { build: number; status: BuildStatus; verdict: Verdict; seconds: number; at: number; cached: boolean }[];
  }[];
}

export interface WallCell {
  platform: string;
  emulated: boolean;
  /** Of the newest build that has the platform. */
  build: WallBuild;
  cell?: Cell;
  /** Oldest first, at most STRIP. */
  points: Point[];
}

export type WallGroup = 'look' | 'changed' | 'steady';

export interface WallRow {
  name: string;
  group: WallGroup;
  newest: WallBuild;
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

function kindOf(status: BuildStatus, verdict: Verdict, cached: boolean): PointKind {
  if (status === 'succeeded') return verdict === 'unreproducible' ? 'differs' : cached ? 'cached' : 'good';
  if (status === 'failed' || status === 'timed-out') return 'failed';
  if (status === 'infrastructure-failed') return 'farm';
  if (status === 'running' || status === 'queued' || status === 'planning') return 'running';
  return 'gap';
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

function cellOf(row: RecipeRow, from: RecipeRow['cells'][number]): WallCell {
  const points = from.points.map((point, i) => ({
    build: point.build,
    kind: kindOf(point.status, point.verdict, point.cached),
    seconds: point.seconds,
    at: point.at,
    verdict: point.verdict,
    message: i === from.points.length - 1 ? from.newest.message || (point.build === row.build.id ? row.message : '') : '',
  }));
  const last = points[points.length - 1];
  const build = last && last.build !== row.build.id ? { id: last.build, status: from.newest.status, createdAt: last.at, finishedAt: last.at } : row.build;
  return { platform: from.platform, emulated: from.emulated, build, cell: from.newest, points };
}

/** Image names as the farm's rows have them: Docker's own registry is not told. */
function imageOf(build: Build): string {
  return nameOf(build).replace(/^docker\.io\/(library\/)?/, '');
}

function titleOf(name: string, target: string): string {
  return target ? `${name} ${target}` : name;
}

/** The name of its row. */
export function rowNameOf(build: Build): string {
  return titleOf(imageOf(build), build.options.tags.length > 0 ? build.target : '');
}

/** A build that is under way stands in its row as the newest. */
function addRunning(cells: Map<string, WallCell>, build: Build): void {
  for (const platform of platformsOf(build)) {
    const known = cells.get(platform);
    const cell = build.cells.find((each) => each.platform === platform);
    const status = cell && cell.status !== 'unknown' ? cell.status : build.status;
    const point: Point = { build: build.id, kind: kindOf(status, 'unknown', false), seconds: cell?.seconds ?? 0, at: build.createdAt, verdict: 'unknown', message: cell?.message || build.message };
    const points = [...(known?.points ?? []).filter((each) => each.build !== build.id), point].slice(-STRIP);
    cells.set(platform, { platform, emulated: (known?.emulated ?? false) || (cell?.emulated ?? false), build, cell, points });
  }
}

function rowOf(row: RecipeRow, running: Build | undefined, midnight: number): WallRow {
  const cells = new Map(row.cells.map((cell) => [cell.platform, cellOf(row, cell)]));
  if (running) addRunning(cells, running);
  const list = [...cells.values()];
  const { group, changedAt } = groupOf(list, midnight);
  const newest = running ?? row.build;
  return { name: titleOf(row.name, row.target), group, newest, at: newest.finishedAt || newest.createdAt, changedAt: row.changedAt || changedAt, cells, why: group === 'look' ? whyOf(list) : '' };
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

function inGroups(rows: readonly WallRow[]): Wall['rows'] {
  const of = (group: WallGroup) => rows.filter((row) => row.group === group);
  return {
    look: of('look').sort((a, b) => b.changedAt - a.changedAt || b.at - a.at),
    changed: of('changed').sort((a, b) => b.changedAt - a.changedAt),
    steady: of('steady').sort((a, b) => a.name.localeCompare(b.name)),
  };
}

/** `newest` are builds of which those count that are under way and have an image name: the farm's rows are of what ended. */
export function wallOf(recipes: readonly RecipeRow[], newest: readonly Build[], midnight: number): Wall {
  const running = new Map<string, Build>();
  for (const build of newest) {
    if (!isRunning(build) || build.aheadOf || build.options.tags.length === 0) continue;
    const key = `${imageOf(build)} ${build.target}`;
    if ((running.get(key)?.id ?? 0) < build.id) running.set(key, build);
  }
  const take = (key: string) => {
    const build = running.get(key);
    running.delete(key);
    return build;
  };
  const rows = recipes.map((recipe) => rowOf(recipe, take(`${recipe.name} ${recipe.target}`), midnight));
  for (const build of running.values()) rows.push(rowOf({ name: imageOf(build), target: build.target, build, message: '', changedAt: 0, cells: [] }, build, midnight));
  const uses = new Map<string, { count: number; emulated: boolean }>();
  for (const cell of rows.flatMap((row) => [...row.cells.values()])) {
    const use = uses.get(cell.platform) ?? { count: 0, emulated: false };
    uses.set(cell.platform, { count: use.count + 1, emulated: use.emulated || cell.emulated });
  }
  const platforms = commonPlatforms(new Map([...uses].map(([platform, use]) => [platform, use.count])), MOST_PLATFORMS);
  return { platforms: platforms.map((platform) => ({ platform, emulated: uses.get(platform)?.emulated ?? false })), rows: inGroups(rows) };
}

export function isRunning(build: Build): boolean {
  return !isFinished(build.status) && build.status !== 'unknown';
}
