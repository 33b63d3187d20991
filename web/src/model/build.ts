// Small questions about builds that several views ask.
import type { Build, Cell, Stage, Step, Verdict } from './types';
import { isFinished } from './build_model';

/** "shop-api" of "registry/shop-api:main@sha256:..."; a port is no tag. */
export function imageName(tag: string): string {
  const name = tag.replace(/@.*$/, '');
  const slash = name.lastIndexOf('/');
  const colon = name.indexOf(':', slash + 1);
  return colon < 0 ? name : name.slice(0, colon);
}

/** What the build is called: its image, else what it is for, else its recipe. */
export function nameOf(build: Build): string {
  const tag = build.options.tags[0];
  if (tag) return imageName(tag);
  if (build.aheadOf) return `wheels for #${build.aheadOf}`;
  const recipe = build.dockerfileName || 'Dockerfile';
  return build.target ? `${recipe} ${build.target}` : recipe;
}

/** "arm64", "arm/v7": without the system where that is linux anyway. */
export function shortPlatform(platform: string): string {
  return platform.replace(/^linux\//, '');
}

export function platformsOf(build: Build): string[] {
  const cells = build.cells.map((cell) => cell.platform);
  return cells.length > 0 ? cells : build.options.platforms;
}

/** Seconds from the submission to the end, or to now. */
export function buildSeconds(build: Build, now: number): number {
  const end = build.finishedAt || now;
  return Math.max(0, (end - build.createdAt) / 1000);
}

/** The words of the terminal: a cell that still runs but has its time is built, its image is being packed. */
export function isBuilt(cell: Cell): boolean {
  return cell.status === 'running' && cell.seconds > 0;
}

export function verdictOf(cell: Cell): Verdict {
  return cell.comparison?.verdict ?? 'unverified';
}

/** The gravest of all platforms. */
const GRAVITY: Verdict[] = ['unreproducible', 'flaky', 'input-drift', 'failed', 'inconclusive', 'unverified', 'unknown', 'reproducible'];

export function worstVerdict(build: Build): Verdict {
  const verdicts = build.cells.map(verdictOf);
  return GRAVITY.find((verdict) => verdicts.includes(verdict)) ?? 'unknown';
}

export function stageLabel(stage: { name: string; index?: number }): string {
  return /^\d+$/.test(stage.name) ? `stage-${stage.name}` : stage.name;
}

/** "builder step 5 (Dockerfile:6)". */
export function stepPhrase(stageName: string, number: number, range?: { file: string; first: number }): string {
  const place = range && range.first > 0 ? ` (${range.file}:${range.first})` : '';
  return `${stageName} step ${number}${place}`;
}

export function lastNumber(stage: Stage): number {
  return stage.steps.reduce((last, step) => Math.max(last, step.number), 1);
}

export function findStage(build: Build, index: number): Stage | undefined {
  const direct = build.stages[index];
  return direct?.index === index ? direct : build.stages.find((stage) => stage.index === index);
}

export interface Place {
  stage: Stage;
  step: Step;
}

export function findSteps(build: Build, test: (step: Step, stage: Stage) => boolean): Place[] {
  return build.stages.flatMap((stage) => stage.steps.filter((step) => test(step, stage)).map((step) => ({ stage, step })));
}

/** Stages of a cell; a plan's cells name only their target, then those of its platform count. */
export function stagesOfCell(build: Build, cell: Cell): Stage[] {
  if (cell.stages.length > 0) {
    const found = cell.stages.map((index) => findStage(build, index)).filter((stage) => stage !== undefined);
    return found.sort((a, b) => a.index - b.index);
  }
  return build.stages.filter((stage) => stage.platform === cell.platform);
}

/** The command that submits the same from a terminal. */
export function reproduceCommand(build: Build): string {
  return `crossmill retry ${build.id}`;
}

export { isFinished };
