// What is said of each platform of a build beside its verdict: how far its executions agree, their images, and the noise
// that --normalize took out.
import type { Build, Cell, Normalization } from './types';
import { stagesOfCell, verdictOf } from './build';
import { levelOfBuild, levelPhrase } from './levels';
import { plural } from '../format/number';

export interface NormalizedRule {
  rule: string;
  steps: number;
  /** "3 files", or what it set. */
  deed: string;
  packageFiles: string[];
}

export interface ExecutedImage {
  /** Empty: it has none. */
  digest: string;
  note: string;
  same: boolean;
}

export interface VerdictRow {
  cell: Cell;
  verdict: string;
  executions: string;
  /** A level's phrase; empty: not known, or none. */
  level: string;
  reason: string;
  circumstances: string;
  images: ExecutedImage[];
  rules: NormalizedRule[];
}

const MOST_PACKAGE_FILES = 16;

function deedOf(files: number, variables: readonly string[]): string {
  return files > 0 ? plural(files, 'file') : variables.join(', ');
}

/** Each rule over the steps of a cell, in the order of its first step. */
export function normalizedRules(build: Build, cell: Cell): NormalizedRule[] {
  const rules = new Map<string, Normalization & { steps: number }>();
  for (const stage of stagesOfCell(build, cell)) {
    for (const one of stage.steps.flatMap((step) => step.normalizations)) {
      const sum = rules.get(one.rule) ?? { ...one, files: 0, packageFiles: [], steps: 0 };
      sum.steps += 1;
      sum.files += one.files;
      sum.packageFiles = [...sum.packageFiles, ...one.packageFiles].slice(0, MOST_PACKAGE_FILES);
      rules.set(one.rule, sum);
    }
  }
  return [...rules.values()].map(({ rule, steps, files, variables, packageFiles }) => ({ rule, steps, deed: deedOf(files, variables), packageFiles }));
}

/** The words of the terminal for the image of each execution. */
function imagesOf(cell: Cell): ExecutedImage[] {
  const digests = cell.comparison?.imageDigests ?? [];
  return digests.map((digest, i) => {
    if (!digest) return { digest, same: false, note: 'no image: it did not succeed in every step of its own' };
    const same = digest === digests[0];
    if (i === 0) return { digest, same, note: '' };
    if (!same) return { digest, same, note: 'differs' };
    return { digest, same, note: verdictOf(cell) === 'unreproducible' ? "equal, because a replica goes on from the first's layers" : 'equal' };
  });
}

function rowOf(build: Build, cell: Cell): VerdictRow {
  const { comparison } = cell;
  const verdict = verdictOf(cell);
  const hosts = comparison && comparison.executions > 0 ? `${plural(comparison.executions, 'execution')} on ${plural(comparison.hosts, 'host')}` : '';
  const level = comparison?.level && comparison.level !== 'none' ? levelPhrase(comparison.level) : '';
  return {
    cell,
    verdict,
    executions: hosts,
    level,
    // A failure is told with the platform.
    reason: comparison && comparison.reason !== cell.message ? comparison.reason : '',
    circumstances: comparison?.circumstances ?? '',
    images: imagesOf(cell),
    rules: normalizedRules(build, cell),
  };
}

/** Platforms of which there is something to say. */
export function verdictRows(build: Build): VerdictRow[] {
  return build.cells.map((cell) => rowOf(build, cell)).filter((row) => (row.verdict !== 'unknown' && row.verdict !== 'unverified') || row.rules.length > 0);
}

/** How far the executions of all platforms agree; empty: it is not known of all. */
export function buildLevel(build: Build): string {
  return levelOfBuild(build.cells.map((cell) => cell.comparison?.level ?? ''));
}
