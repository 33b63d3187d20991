// Two builds beside each other, a platform after the other: where they part, and what was given otherwise.
import type { PackageChange, Range, StepComparison } from './types';
import type { Sentence } from './sentence';
import { stageLabel, stepPhrase } from './build';
import { count, joined, joinedShort, plural } from '../format/number';

export type PairState = 'equal' | 'different' | 'unknown' | 'only-first' | 'only-second';

export interface StepSpot {
  stage: number;
  stageName: string;
  number: number;
  range?: Range;
  text: string;
}

export interface PairStep {
  state: PairState;
  first?: StepSpot;
  second?: StepSpot;
  sameKey: boolean;
  /** Index into PlatformPair.compared, or -1. */
  compared: number;
  /** It differs, and was executed on other layers: that may be why. */
  onOtherLayers: boolean;
}

export interface PairLevel {
  level: string;
  equal: boolean;
  first: string;
  second: string;
  layers: number;
  equalLayers: number;
  problem: string;
}

export interface BaseChange {
  reference: string;
  before: string;
  now: string;
}

export interface Changes {
  bases: BaseChange[];
  sources: BaseChange[];
  lines: { before: number; now: number; text: string }[];
  linesTotal: number;
  context: { path: string; kind: string }[];
  contextTotal: number;
  contextProblem: string;
  packages: PackageChange[];
  arguments: string[];
  others: string[];
}

export interface PlatformPair {
  platform: string;
  inFirst: boolean;
  inSecond: boolean;
  result: 'equal' | 'different' | 'unknown';
  reason: string;
  levels: PairLevel[];
  steps: PairStep[];
  compared: StepComparison[];
  /** Index into steps, or -1: none is known to differ. */
  divergence: number;
  divergenceReason: string;
  changes?: Changes;
  problem: string;
}

export interface BuildPair {
  first: number;
  second: number;
  platforms: PlatformPair[];
}

/** What stands beside a step that differs, in the words of the terminal. */
export function pairNote(step: PairStep): string {
  if (step.state !== 'different' || step.compared < 0) return '';
  if (step.sameKey) return 'given the same';
  return step.onOtherLayers ? 'on other layers' : 'not given the same';
}

/** What people call a level. */
export function levelName(level: string): string {
  if (level === 'image') return 'image manifest';
  return level === 'blobs' ? 'compressed layers' : level;
}

export function levelOutcome(level: PairLevel): string {
  if (level.problem) return `not compared: ${level.problem}`;
  if (level.equal) return 'equal';
  return level.layers > 0 ? `${count(level.equalLayers)} of ${count(level.layers)} equal` : 'differs';
}

/** The step to look at first: the one chosen, else where they part, else the first that differs. */
export function stepShown(pair: PlatformPair, chosen: string | null): number {
  const asked = Number(chosen ?? NaN);
  if (Number.isInteger(asked) && pair.steps[asked] && pair.steps[asked].compared >= 0) return asked;
  if (pair.divergence >= 0 && (pair.steps[pair.divergence]?.compared ?? -1) >= 0) return pair.divergence;
  return pair.steps.findIndex((step) => step.state === 'different' && step.compared >= 0);
}

export function changesOf(changes: Changes | undefined): boolean {
  if (!changes) return false;
  return changes.bases.length + changes.sources.length + changes.linesTotal + changes.contextTotal + changes.packages.length + changes.arguments.length + changes.others.length > 0 || changes.contextProblem !== '';
}

function spotPhrase(step: PairStep): string {
  const spot = step.first ?? step.second;
  return spot ? stepPhrase(stageLabel({ name: spot.stageName }), spot.number, spot.range) : 'a step';
}

export function pairSentence({ first, second, platforms }: BuildPair): Sentence {
  const both = platforms.filter((pair) => pair.inFirst && pair.inSecond);
  const names = (list: readonly PlatformPair[]) => joinedShort(list.map((pair) => pair.platform));
  if (both.length === 0) return [`Builds ${first} and ${second} have no platform in common: `, `${joined([...platforms.map((pair) => `${pair.platform} only in ${pair.inFirst ? first : second}`)])}.`];
  const different = both.filter((pair) => pair.result === 'different');
  const unknown = both.filter((pair) => pair.result === 'unknown');
  if (different.length === 0 && unknown.length === 0) return [{ text: 'The same image', tone: 'ok', glyph: 'eq' }, ` in builds ${first} and ${second} on ${names(both)}.`];
  const [told] = different;
  if (!told) return [{ text: 'Not known whether they are the same', tone: 'q', glyph: 'inc' }, ` on ${names(unknown)}: ${(unknown[0]?.problem || unknown[0]?.reason || 'not everything was recorded').replace(/[.\s]+$/, '')}.`];
  const parts: Sentence = [{ text: `Builds ${first} and ${second} differ`, tone: 'ne', glyph: 'ne' }, ` on ${names(different)}`];
  const step = told.steps[told.divergence];
  const where = step ? ` from ${spotPhrase(step)} on` : '';
  const same = both.filter((pair) => pair.result === 'equal');
  parts.push(`${where}${same.length > 0 ? `, and have the same image on ${names(same)}` : ''}.`);
  return parts;
}

export function stepsNote(pair: PlatformPair): string {
  const equal = pair.steps.filter((step) => step.state === 'equal').length;
  return equal === pair.steps.length ? `all ${plural(equal, 'step')} ${equal === 1 ? 'is' : 'are'} equal` : `${count(equal)} of ${plural(pair.steps.length, 'step')} equal`;
}
