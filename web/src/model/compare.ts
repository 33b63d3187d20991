// What the comparison of one step shows: the chain of steps as two threads, levels, paths as a tree.
import type { Build, Cell, CauseGroup, Difference, StepComparison, Stage } from './types';
import type { Sentence } from './sentence';
import { comparisonOf } from './agreement';
import { findStage, stageLabel, stepPhrase } from './build';
import { LEVELS } from './levels';
import { capital, numberWord, plural } from '../format/number';

export interface Compared {
  cell: Cell;
  step: StepComparison;
  stage?: Stage;
}

export function findCompared(build: Build, stage: number, step: number): Compared | undefined {
  for (const cell of build.cells) {
    const found = comparisonOf(cell, stage, step);
    if (found) return { cell, step: found, stage: findStage(build, stage) };
  }
  return undefined;
}

/** All divergences of a build, those that reach the image first. */
export function divergences(build: Build): Compared[] {
  const list = build.cells.flatMap((cell) => (cell.comparison?.steps ?? []).filter((step) => !step.agrees).map((step) => ({ cell, step, stage: findStage(build, step.stage) })));
  const seen = new Set<string>();
  return list
    .filter(({ step }) => {
      const key = `${step.stage}/${step.stepNumber}`;
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    })
    .sort((a, b) => Number(b.step.reachesImage) - Number(a.step.reachesImage));
}

export type LinkKind = 'same' | 'outside' | 'reaches' | 'unknown';

export interface ChainLink {
  number: number;
  instruction: string;
  word: string;
  kind: LinkKind;
  note: string;
  current: boolean;
}

/** "RUN pip install" of a longer command. */
export function shortInstruction(text: string): { instruction: string; word: string } {
  const [instruction = '', ...words] = text.split(/\s+/).filter((word) => !word.startsWith('--'));
  return { instruction, word: instruction === 'RUN' ? words.slice(0, 2).join(' ') : '' };
}

function linkOf(step: StepComparison | undefined, number: number, text: string, current: boolean): ChainLink {
  const base = { number, ...shortInstruction(text), current };
  if (!step) return { ...base, kind: 'unknown', note: 'not compared' };
  if (step.agrees) return { ...base, kind: 'same', note: 'same' };
  const paths = plural(step.differencesTotal, 'path');
  if (step.reachesImage) return { ...base, kind: 'reaches', note: `${paths} ${step.differencesTotal === 1 ? 'reaches' : 'reach'} the image` };
  return { ...base, kind: 'outside', note: `${paths}, not in the image` };
}

/** At most so many steps side by side: those around the one in question. */
const MOST_LINKS = 9;

export function chainOf(compared: Compared): ChainLink[] {
  const { cell, step, stage } = compared;
  const base: ChainLink = { number: 1, instruction: 'FROM', word: '', kind: 'same', note: 'same base', current: false };
  if (!stage) return [base, linkOf(step, step.stepNumber, step.text, true)];
  const links = stage.steps
    .filter((each) => each.status !== 'metadata' && each.number > 1)
    .map((each) => linkOf(comparisonOf(cell, stage.index, each.number), each.number, each.text, each.number === step.stepNumber));
  const all = [base, ...links];
  const at = all.findIndex((link) => link.current);
  const start = Math.max(0, Math.min(at - MOST_LINKS + 3, all.length - MOST_LINKS));
  return all.slice(start, start + MOST_LINKS);
}

/** Those that a cell can have, and that say something. */
const CELL_LEVELS = LEVELS.map((each) => each.word).filter((word) => word !== 'index' && word !== 'none');

/** Each level with whether it is equal: one that matches holds for all that are weaker. */
export function levelsOf(level: string): { level: string; equal: boolean }[] {
  const at = CELL_LEVELS.indexOf(level === 'manifests' ? 'entries' : level);
  // Where only the packing differs, what stages copy may differ in it too: nothing is said of that.
  const told = level === 'contents' ? CELL_LEVELS.filter((each) => each !== 'exports') : CELL_LEVELS;
  return told.map((each, i) => ({ level: each, equal: at >= 0 && i >= at }));
}

export function compareSentence({ cell, step }: Compared): Sentence {
  const failed = step.witnesses.filter((witness) => !witness.layer);
  if (failed.length > 0 && failed.length < step.witnesses.length) {
    const head = { text: 'The same step fails in one execution and not in another.', tone: 'flaky' as const, glyph: 'flaky' };
    return [head, ` ${capital(numberWord(failed.length))} of ${numberWord(step.witnesses.length)} executions failed on ${cell.platform}.`];
  }
  if (step.agrees) return [{ text: 'The same bytes', tone: 'ok', glyph: 'eq' }, ` in ${plural(step.witnesses.length, 'execution')} of ${stepPhrase(step.stageName, step.stepNumber, step.range)}.`];
  const hosts = new Set(step.witnesses.map((witness) => witness.hostId)).size;
  const where = hosts > 1 ? 'on another host' : 'when it is repeated';
  const total = step.differencesTotal;
  const paths = `${capital(numberWord(total))} ${total === 1 ? 'path differs' : 'paths differ'}`;
  const reach = step.reachesImage ? (total === 1 ? 'and it reaches the image' : 'and they reach the image') : 'and none of it reaches the image';
  return [{ text: `The same step gives other bytes ${where}.`, tone: step.reachesImage ? 'ne' : 'q', glyph: 'ne' }, ` ${paths}, ${reach}.`];
}

export interface TreeRow {
  kind: 'folder' | 'path';
  text: string;
  /** The name, which stands out. */
  name: string;
  difference?: Difference;
  known: string;
}

function knownOf(path: string, causes: readonly CauseGroup[]): string {
  const of = causes.find((group) => group.paths.includes(path));
  if (of) return of.cause.class === 'unknown' ? 'cause not known' : of.cause.class;
  const derived = causes.find((group) => group.derived.includes(path));
  return derived ? `follows from ${derived.paths[0]?.split('/').pop() ?? 'another path'}` : '';
}

/** Paths under the folders that they have in common with their neighbours. */
export function pathTree(differences: readonly Difference[], causes: readonly CauseGroup[]): TreeRow[] {
  const sorted = [...differences].sort((a, b) => a.path.localeCompare(b.path));
  const folders = new Map<string, Difference[]>();
  for (const difference of sorted) {
    const parts = difference.path.split('/');
    const depth = Math.max(0, Math.min(parts.length - 1, parts.length > 5 ? parts.length - 2 : parts.length - 1));
    const folder = parts.slice(0, depth).join('/');
    folders.set(folder, [...(folders.get(folder) ?? []), difference]);
  }
  const rows: TreeRow[] = [];
  for (const [folder, list] of folders) {
    if (folder) rows.push({ kind: 'folder', text: `${folder}/`, name: '', known: '' });
    for (const difference of list) {
      const rest = folder ? difference.path.slice(folder.length + 1) : difference.path;
      const slash = rest.lastIndexOf('/');
      rows.push({ kind: 'path', text: rest.slice(0, slash + 1), name: rest.slice(slash + 1), difference, known: knownOf(difference.path, causes) });
    }
  }
  return rows;
}

/** The part of two texts that differs: what stands before, it on both sides, what stands behind. */
export function differingPart(first: string, second: string): { before: string; first: string; second: string; after: string } {
  let start = 0;
  while (start < first.length && start < second.length && first[start] === second[start]) start += 1;
  let end = 0;
  while (end < first.length - start && end < second.length - start && first[first.length - 1 - end] === second[second.length - 1 - end]) end += 1;
  return {
    before: first.slice(0, start),
    first: first.slice(start, first.length - end),
    second: second.slice(start, second.length - end),
    after: end > 0 ? first.slice(first.length - end) : '',
  };
}

export const kindWord: Record<string, string> = {
  'only-first': 'only in the first',
  'only-second': 'only in the second',
  content: 'content',
  metadata: 'metadata',
  time: 'time',
  unknown: 'differs',
};

export { stageLabel };
