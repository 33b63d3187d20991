// Packages down, platforms across: how each arrived, the gravest of each name and platform.
import type { Outcome, Package, PackageChange } from './types';
import type { Sentence } from './sentence';
import { capital, joined, numberWord } from '../format/number';
import { shortPlatform } from './build';

/** A package with the build that brought it. */
export interface Brought extends Package {
  build: number;
  image: string;
}

export interface PackageRow {
  key: string;
  name: string;
  version: string;
  cells: Map<string, Brought>;
  wheelEverywhere: boolean;
  failed: boolean;
  compiled: boolean;
  /** Seconds of its longest compilation. */
  seconds: number;
}

const GRAVITY: Outcome[] = ['failed', 'source', 'source-cached', 'unknown', 'vcs', 'local', 'editable', 'bypassed', 'distro', 'wheel'];

function graver(a: Brought, b: Brought): Brought {
  const by = GRAVITY.indexOf(a.outcome) - GRAVITY.indexOf(b.outcome);
  if (by !== 0) return by < 0 ? a : b;
  return (b.seconds ?? 0) > (a.seconds ?? 0) ? b : a;
}

function isWheel(outcome: Outcome): boolean {
  return outcome === 'wheel' || outcome === 'distro';
}

export function packageRows(packages: readonly Brought[]): PackageRow[] {
  const rows = new Map<string, PackageRow>();
  for (const each of packages) {
    const key = `${each.name} ${each.version}`;
    const row = rows.get(key) ?? { key, name: each.name, version: each.version, cells: new Map(), wheelEverywhere: true, failed: false, compiled: false, seconds: 0 };
    const known = row.cells.get(each.platform);
    row.cells.set(each.platform, known ? graver(known, each) : each);
    rows.set(key, row);
  }
  for (const row of rows.values()) {
    const cells = [...row.cells.values()];
    row.wheelEverywhere = cells.every((cell) => isWheel(cell.outcome));
    row.failed = cells.some((cell) => cell.outcome === 'failed');
    row.compiled = cells.some((cell) => cell.outcome === 'source');
    row.seconds = Math.max(0, ...cells.map((cell) => (isWheel(cell.outcome) ? 0 : (cell.seconds ?? 0))));
  }
  const rank = (row: PackageRow) => (row.failed ? 0 : row.wheelEverywhere ? 2 : 1);
  return [...rows.values()].sort((a, b) => rank(a) - rank(b) || b.seconds - a.seconds || a.name.localeCompare(b.name));
}

export function packagePlatforms(packages: readonly Brought[]): { platform: string; emulated: boolean }[] {
  const found = new Map<string, boolean>();
  for (const each of packages) found.set(each.platform, (found.get(each.platform) ?? false) || each.emulated);
  return [...found].map(([platform, emulated]) => ({ platform, emulated })).sort((a, b) => a.platform.localeCompare(b.platform));
}

/** `where`: "in the newest builds", "in this build". */
export function packagesSentence(rows: readonly PackageRow[], where: string): Sentence {
  if (rows.length === 0) return [`No Python package was installed ${where}.`];
  const wheels = rows.filter((row) => row.wheelEverywhere).length;
  const compiled = rows.filter((row) => row.compiled && !row.failed).length;
  const failed = rows.filter((row) => row.failed).length;
  const unknown = rows.filter((row) => [...row.cells.values()].some((cell) => cell.outcome === 'unknown') && !row.compiled && !row.failed).length;
  const total = rows.length === 1 ? 'The one package' : `Of ${numberWord(rows.length)} packages`;
  if (wheels === rows.length) return [rows.length === 1 ? `${total} ${where} is a wheel on every platform.` : `All ${numberWord(rows.length)} packages ${where} are wheels on every platform.`];
  const rest = [];
  if (compiled > 0) rest.push(`${numberWord(compiled)} ${compiled === 1 ? 'is' : 'are'} compiled somewhere`);
  if (unknown > 0) rest.push(`${numberWord(unknown)} ${unknown === 1 ? 'is' : 'are'} unknown`);
  const head = `${total} ${where}, ${numberWord(wheels)} ${wheels === 1 ? 'is a wheel' : 'are wheels'} on every platform.`;
  const sentence: Sentence = [rest.length > 0 ? `${head} ${capital(joined(rest))}` : head];
  if (failed > 0) sentence.push(rest.length > 0 ? ', ' : ' ', { text: `${rest.length > 0 ? numberWord(failed) : capital(numberWord(failed))} ${failed === 1 ? 'fails' : 'fail'}.`, tone: 'bad', glyph: 'bad' });
  else if (rest.length > 0) sentence.push('.');
  return sentence;
}

/** "imaging 11.2.0 turned from wheel to source on arm64, against #404". */
export function changeWords(change: PackageChange): string {
  const where = `on ${shortPlatform(change.platform)}`;
  const versions = change.version && change.versionBefore && change.version !== change.versionBefore ? `, ${change.versionBefore} to ${change.version}` : '';
  switch (change.kind) {
    case 'no-longer-wheel':
    case 'now-wheel':
    case 'outcome':
      return `turned from ${change.outcomeBefore} to ${change.outcome} ${where}${versions}`;
    case 'new':
      return `is new ${where}${change.version ? `: ${change.version}` : ''}`;
    case 'gone':
      return `is gone ${where}`;
    case 'version':
      return `changed ${where}${versions}`;
    case 'slower':
      return `takes longer ${where}`;
    default:
      return `changed ${where}`;
  }
}
