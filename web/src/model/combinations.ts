// The sentence of builds that were submitted together, and what of them stands in a cell: a combination on a platform.
import type { Build, Cell, Combinations } from './types';
import type { Sentence } from './sentence';
import { isBuilt, isFinished, verdictOf } from './build';
import { seconds } from '../format/time';

/** Undefined where the combination is not built for the platform. Of a build that ended before it was planned its own status. */
export function cellOf(build: Build, platform: string): { cell?: Cell; status: Build['status'] } | undefined {
  if (!build.options.platforms.includes(platform)) return undefined;
  const cell = build.cells.find((each) => each.platform === platform);
  if (!cell) return { status: build.status };
  return { cell, status: isBuilt(cell) ? 'succeeded' : cell.status };
}

export function cellSays(build: Build, platform: string): string {
  const found = cellOf(build, platform);
  if (!found) return 'not built for this platform';
  const { cell, status } = found;
  if (!cell) return [status, build.message].filter(Boolean).join(' · ');
  const verdict = verdictOf(cell);
  return [status, cell.seconds > 0 ? seconds(cell.seconds) : '', verdict === 'unverified' ? '' : verdict, cell.emulated ? 'emulated' : '', cell.comparison?.reason, cell.message].filter(Boolean).join(' · ');
}

export function combinationsSentence(matrix: Combinations): Sentence {
  const all = matrix.builds.length;
  const of = (status: Build['status']) => matrix.builds.filter((build) => build.status === status).length;
  const what = all === 1 ? 'combination' : 'combinations';
  if (!isFinished(matrix.status)) {
    const ended = matrix.builds.filter((build) => isFinished(build.status)).length;
    return [{ text: `${ended} of ${all} ${what}`, tone: 'run', glyph: 'run' }, ' ended.'];
  }
  const well = of('succeeded');
  if (well < all) {
    const farm = matrix.status === 'infrastructure-failed';
    return [{ text: `${all - well} of ${all} ${what}`, tone: farm ? 'farm' : 'bad', glyph: farm ? 'infra' : 'bad' }, ` did not succeed: the matrix ${matrix.status}.`];
  }
  if (matrix.verdict === 'unverified' || matrix.verdict === 'unknown') return [{ text: `All ${all} ${what}`, tone: 'ok', glyph: 'ok' }, ' succeeded.'];
  if (matrix.verdict === 'reproducible') return [{ text: `All ${all} ${what}`, tone: 'ok', glyph: 'eq' }, ' are reproducible.'];
  return [`All ${all} ${what} succeeded; `, { text: matrix.verdict, tone: 'ne', glyph: 'ne' }, ' is the gravest verdict.'];
}
