// The sentence of a build.
import type { Build, Cell, StepComparison } from './types';
import type { Piece, Sentence } from './sentence';
import { buildSeconds, findSteps, isBuilt, stageLabel, stepPhrase, verdictOf } from './build';
import { elapsed, seconds } from '../format/time';
import { capital, joinedShort, numberWord } from '../format/number';

const inner = (text: string): string => text.replace(/[.\s]+$/, '');

function failedPlace(build: Build): { phrase: string; failure: string; platform: string } | undefined {
  const [place] = findSteps(build, (step) => step.status === 'failed');
  if (!place) return undefined;
  const { stage, step } = place;
  return { phrase: stepPhrase(stageLabel(stage), step.number, step.range), failure: inner(step.failure), platform: stage.platform };
}

function failedSentence(build: Build, now: number): Sentence {
  const place = failedPlace(build);
  const after = seconds(buildSeconds(build, now));
  const platforms = build.cells.filter((cell) => cell.status === 'failed').map((cell) => cell.platform);
  const where = platforms.length > 0 ? ` on ${joinedShort(platforms)}` : '';
  const head: Piece = { text: `Failed${where} after ${after}:`, tone: 'bad', glyph: 'bad' };
  if (place) return [head, ` ${place.phrase} ended with ${place.failure || 'a failure'}.`];
  const message = inner(build.message);
  return [head, message ? ` ${message}.` : ' the record does not say why.'];
}

function divergence(cell: Cell): StepComparison | undefined {
  const steps = cell.comparison?.steps.filter((step) => !step.agrees) ?? [];
  return steps.find((step) => step.reachesImage) ?? steps[0];
}

function unreproducible(cells: Cell[]): Sentence {
  const platforms = cells.map((cell) => cell.platform);
  const head: Piece = { text: `Not reproducible on ${joinedShort(platforms)}:`, tone: 'ne', glyph: 'ne' };
  const step = cells.map(divergence).find(Boolean);
  if (!step) return [' ', head, ` ${inner(cells[0]?.comparison?.reason ?? 'other bytes')}.`];
  const hosts = new Set(step.witnesses.map((witness) => witness.hostId)).size;
  const where = hosts > 1 ? 'on another host' : 'when repeated';
  const total = step.differencesTotal;
  const paths = total === 1 ? 'in 1 path that reaches the image' : `in ${total} paths that reach the image`;
  const reach = step.reachesImage ? `, ${paths}` : '';
  const place = stepPhrase(/^\d+$/.test(step.stageName) ? `stage-${step.stageName}` : step.stageName, step.stepNumber, step.range);
  return [' ', head, ` ${place} gives other bytes ${where}${reach}.`];
}

function platformsWord(count: number, all: boolean): string {
  if (count === 1) return 'its platform';
  if (all) return count === 2 ? 'both platforms' : `all ${numberWord(count)} platforms`;
  return `${numberWord(count)} platforms`;
}

function verdictPart(build: Build): Sentence {
  const by = (verdict: string) => build.cells.filter((cell) => verdictOf(cell) === verdict);
  const different = by('unreproducible');
  if (different.length > 0) return unreproducible(different);
  for (const [verdict, head] of [
    ['flaky', 'Flaky'],
    ['input-drift', 'Given other inputs'],
  ] as const) {
    const cells = by(verdict);
    if (cells.length === 0) continue;
    const tone = verdict === 'flaky' ? 'flaky' : 'drift';
    const piece: Piece = { text: `${head} on ${joinedShort(cells.map((cell) => cell.platform))}:`, tone, glyph: tone };
    return [' ', piece, ` ${inner(cells[0]?.comparison?.reason || 'an execution came out otherwise')}.`];
  }
  const same = by('reproducible');
  const open = by('inconclusive');
  if (same.length === build.cells.length && same.length > 0) {
    const hosts = Math.max(...same.map((cell) => cell.comparison?.hosts ?? 0));
    const place = hosts > 1 ? `, with the same bytes on ${numberWord(hosts)} hosts` : '';
    return [' ', { text: `Reproducible on ${platformsWord(same.length, true)}`, tone: 'ok', glyph: 'eq' }, `${place}.`];
  }
  if (open.length > 0) {
    const reason = inner(open[0]?.comparison?.reason ?? '');
    const done = same.length > 0 ? ` Reproducible on ${joinedShort(same.map((cell) => cell.platform))};` : '';
    const text = `${done ? ' ' : ''}${done ? 'inconclusive' : 'Inconclusive'} on ${joinedShort(open.map((cell) => cell.platform))}${reason ? `: ${reason}` : ''}.`;
    return [done, done ? text : ` ${text}`];
  }
  if (build.options.verify < 2) return [' Every step was executed once, so nothing is said of other hosts.'];
  return [];
}

/** What is at it now: the running step of the fewest words. */
function runningWhere(build: Build): string {
  const running = findSteps(build, (step) => step.status === 'running');
  if (running.length === 0) {
    if (build.cells.some(isBuilt)) return 'its images are being packed';
    return 'it waits for a worker';
  }
  const [first] = running;
  if (!first) return '';
  const more = running.length > 1 ? `, and ${numberWord(running.length - 1)} more` : '';
  return `${stageLabel(first.stage)} step ${first.step.number} on ${first.stage.platform} is at work${more}`;
}

function runningSentence(build: Build, now: number): Sentence {
  const total = build.cells.length;
  const done = build.cells.filter((cell) => cell.status === 'succeeded').length;
  const failed = build.cells.filter((cell) => cell.status === 'failed');
  const head: Piece = { text: `Running for ${elapsed(buildSeconds(build, now))}`, tone: 'run', glyph: 'run' };
  const progress = done > 0 ? `: ${numberWord(done)} of ${numberWord(total)} platforms ${done === 1 ? 'is' : 'are'} done; ` : ': ';
  const tail: Sentence = [head, `${progress}${runningWhere(build)}.`];
  if (failed.length > 0) tail.push(' ', { text: `Failed on ${joinedShort(failed.map((cell) => cell.platform))}.`, tone: 'bad', glyph: 'bad' });
  return tail;
}

export function buildSentence(build: Build, now: number): Sentence {
  const took = seconds(buildSeconds(build, now));
  const why = inner(build.message);
  switch (build.status) {
    case 'planning':
      return [{ text: 'Planning', tone: 'q', glyph: 'queue' }, `: ${why || 'bases are pinned and the recipe is expanded'}.`];
    case 'queued':
      return [{ text: 'Waits', tone: 'q', glyph: 'queue' }, ` for ${elapsed(buildSeconds(build, now))}: ${why || 'no worker is free'}.`];
    case 'running':
      return runningSentence(build, now);
    case 'succeeded':
      return [`Succeeded in ${took}.`, ...verdictPart(build)];
    case 'failed':
      return failedSentence(build, now);
    case 'infrastructure-failed':
      return [{ text: 'The farm failed, not the recipe:', tone: 'farm', glyph: 'infra' }, ` ${why || 'the record does not say how'}.`];
    case 'timed-out':
      return [{ text: `Timed out after ${took}`, tone: 'bad', glyph: 'time' }, why ? `: ${why}.` : '.'];
    case 'cancelled':
      return [{ text: 'Cancelled', tone: 'q', glyph: 'cancel' }, ` after ${took}${why ? `: ${why}` : ''}.`];
    default:
      return [capital(why || 'The state of this build is not known'), '.'];
  }
}
