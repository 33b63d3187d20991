// The wall: one row per image, one column per platform, what needs a look first.
import type { Build, BuildStatus, Cell, Verdict } from './types';
import { isBuilt, isFinished, nameOf, platformsOf, verdictOf } from './build';

export type PointKind = 'good' | 'cached' | 'differs' | 'failed' | 'farm' | 'gap' | 'running';

/** One build of one platform in the strip. */
export interface Point {
  build: number;
  kind: PointKind;
  seconds: number;
  verdict: Verdict;
  message: string;
}

/** The newest that is known of a platform. */
export interface CellState {
  status: BuildStatus;
  /** "unverified" also where nothing was compared yet. */
  verdict: Verdict;
  seconds: number;
  message: string;
  reason: string;
  hosts: number;
  executions: number;
  /** The most that differ in a step and reach the image. */
  paths: number;
  /** It is there, and its image is being packed. */
  built: boolean;
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
    /** The newest that has the platform. */
    build: number;
    newest: CellState;
    /** Oldest first; marks are the letters of the API. */
    strip: { build: number; mark: string; seconds: number }[];
  }[];
}

export interface WallCell {
  platform: string;
  emulated: boolean;
  /** Of the newest build that has the platform. */
  build: WallBuild;
  cell?: CellState;
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

/** Of the letters of a strip. */
const MARKS: Record<string, { kind: PointKind; verdict: Verdict }> = {
  s: { kind: 'good', verdict: 'unverified' }, c: { kind: 'cached', verdict: 'unverified' }, u: { kind: 'differs', verdict: 'unreproducible' }, y: { kind: 'good', verdict: 'flaky' },
  d: { kind: 'good', verdict: 'input-drift' }, f: { kind: 'failed', verdict: 'unknown' }, t: { kind: 'failed', verdict: 'unknown' }, i: { kind: 'farm', verdict: 'unknown' },
};

function kindOf(status: BuildStatus): PointKind {
  if (status === 'succeeded') return 'good';
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

function groupOf(cells: readonly WallCell[], changedAt: number, midnight: number): WallGroup {
  const states = cells.map((cell) => stateSince(cell.points)).filter((since): since is Since => !!since);
  if (states.some((since) => since.state !== 'well')) return 'look';
  return changedAt >= midnight ? 'changed' : 'steady';
}

function cellOf(row: RecipeRow, from: RecipeRow['cells'][number]): WallCell {
  const points = from.strip.map((each) => ({
    build: each.build,
    ...(MARKS[each.mark] ?? { kind: 'gap' as const, verdict: 'unknown' as const }),
    seconds: each.seconds,
    message: each.build === from.build ? from.newest.message : '',
  }));
  const build = from.build === row.build.id ? row.build : { ...row.build, id: from.build, status: from.newest.status };
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

function stateOfCell(cell: Cell): CellState {
  const comparison = cell.comparison;
  const differing = (comparison?.steps ?? []).filter((step) => !step.agrees && step.reachesImage);
  return {
    status: cell.status, verdict: verdictOf(cell), seconds: cell.seconds, message: cell.message, reason: comparison?.reason ?? '', hosts: comparison?.hosts ?? 0,
    executions: comparison?.executions ?? 0, paths: Math.max(0, ...differing.map((step) => step.differencesTotal)), built: isBuilt(cell),
  };
}

/** A build that is under way stands in its row as the newest. */
function addRunning(cells: Map<string, WallCell>, build: Build): void {
  for (const platform of platformsOf(build)) {
    const known = cells.get(platform);
    const cell = build.cells.find((each) => each.platform === platform);
    const status = cell && cell.status !== 'unknown' ? cell.status : build.status;
    const point: Point = { build: build.id, kind: kindOf(status), seconds: cell?.seconds ?? 0, verdict: 'unknown', message: cell?.message || build.message };
    const points = [...(known?.points ?? []).filter((each) => each.build !== build.id), point].slice(-STRIP);
    cells.set(platform, { platform, emulated: (known?.emulated ?? false) || (cell?.emulated ?? false), build, cell: cell && stateOfCell(cell), points });
  }
}

function rowOf(row: RecipeRow, running: Build | undefined, midnight: number): WallRow {
  const cells = new Map(row.cells.map((cell) => [cell.platform, cellOf(row, cell)]));
  if (running) addRunning(cells, running);
  const list = [...cells.values()];
  const group = groupOf(list, row.changedAt, midnight);
  const newest = running ?? row.build;
  return { name: titleOf(row.name, row.target), group, newest, at: newest.finishedAt || newest.createdAt, changedAt: row.changedAt, cells, why: group === 'look' ? whyOf(list) : '' };
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
