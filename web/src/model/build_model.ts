// The view of a build that its numbered events add up to, and when each execution ran. The same rules as the terminal's
// (cli/show/build_model).
import type * as wire from '../api/wire';
import * as decode from '../api/decode';
import type { Build, Stage, Step, StepStatus } from './types';

/** One execution of a step in time, in milliseconds. */
export interface Span {
  stage: number;
  step: number;
  replica: number;
  worker: string;
  emulated: boolean;
  start: number;
  /** 0: it runs. */
  end: number;
  failed: boolean;
}

export interface BuildRecord {
  build: Build;
  spans: Map<string, Span>;
  plannedAt: number;
  lastEvent: number;
}

export function isFinished(status: string): boolean {
  return ['succeeded', 'failed', 'cancelled', 'infrastructure-failed', 'timed-out'].includes(status);
}

export function stepFinished(status: StepStatus): boolean {
  return status !== 'waiting' && status !== 'running' && status !== 'unknown';
}

export function emptyRecord(build: Build): BuildRecord {
  return { build, spans: new Map(), plannedAt: 0, lastEvent: 0 };
}

/** A newer whole view takes the place of the old one; what the events said of times stays. */
export function withBuild(record: BuildRecord, build: Build): BuildRecord {
  return build.lastEvent >= record.build.lastEvent ? { ...record, build } : record;
}

/** Applies events in order; one that was applied before changes nothing. */
export function applyEvents(record: BuildRecord, events: readonly wire.BuildEvent[]): BuildRecord {
  const next: BuildRecord = { ...record, spans: new Map(record.spans) };
  let build = record.build;
  for (const event of events) {
    const number = decode.integer(event.number);
    if (number <= next.lastEvent) continue;
    next.lastEvent = number;
    const at = decode.time(event.time);
    if (event.planned) next.plannedAt = at;
    if (event.stepChanged) noteSpan(next.spans, event.stepChanged, at);
    if (number > build.lastEvent) build = { ...applyEvent(build, event, at), lastEvent: number };
  }
  next.build = build;
  return next;
}

function spanKey(stage: number, step: number, replica: number): string {
  return `${stage}/${step}/${replica}`;
}

function noteSpan(spans: Map<string, Span>, changed: wire.BuildEventStepChanged, at: number): void {
  if (!changed.step) return;
  const step = decode.step(changed.step);
  const replica = changed.replica ?? 0;
  const stage = changed.stage ?? 0;
  const part = replica === 0 ? step : step.replicas.find((each) => each.replica === replica);
  if (!part) return;
  const key = spanKey(stage, step.number, replica);
  const known = spans.get(key);
  const span: Span = {
    stage,
    step: step.number,
    replica,
    worker: part.worker,
    emulated: step.emulated,
    start: at,
    end: 0,
    failed: part.status === 'failed',
  };
  if (part.status === 'running') spans.set(key, span);
  else if (part.status === 'executed' || part.status === 'failed') {
    const start = known && known.end === 0 ? known.start : at - part.seconds * 1000;
    spans.set(key, { ...span, start, end: at });
  } else if (part.status === 'waiting') spans.delete(key);
}

function applyEvent(build: Build, event: wire.BuildEvent, at: number): Build {
  if (event.statusChanged) return applyStatus(build, event.statusChanged, at);
  if (event.basePinned) return applyBase(build, event.basePinned);
  if (event.planned) return applyPlan(build, event.planned);
  if (event.stepChanged) return applyStep(build, event.stepChanged);
  if (event.cellChanged?.cell) return applyCell(build, event.cellChanged.cell);
  if (event.stageChanged) return applyStage(build, event.stageChanged);
  if (event.notice?.warning) return { ...build, warnings: [...build.warnings, event.notice.text ?? ''] };
  return build;
}

function applyStatus(build: Build, changed: wire.BuildEventStatusChanged, at: number): Build {
  const status = decode.word<Build['status']>(changed.status, 'BUILD_STATUS_');
  return {
    ...build,
    status,
    message: changed.message ?? '',
    indexDigest: changed.indexDigest || build.indexDigest,
    finishedAt: isFinished(status) ? at : build.finishedAt,
  };
}

function applyBase(build: Build, pinned: wire.BuildEventBasePinned): Build {
  const base = {
    reference: pinned.reference ?? '',
    platform: decode.platform(pinned.platform),
    digest: pinned.manifestDigest ?? '',
    bytes: 0,
    standIn: pinned.standIn ?? false,
  };
  return { ...build, bases: [...build.bases, base] };
}

function applyPlan(build: Build, planned: wire.BuildEventPlanned): Build {
  const stages = (planned.stages ?? []).map(decode.stage);
  const cells = (planned.cells ?? []).map((plan) => ({
    ...decode.cell({}),
    platform: decode.platform(plan.platform),
    targetStage: plan.targetStage ?? 0,
    status: 'queued' as const,
  }));
  return { ...build, stages, cells };
}

function replaceStage(build: Build, index: number, change: (stage: Stage) => Stage): Build {
  return { ...build, stages: build.stages.map((stage) => (stage.index === index ? change(stage) : stage)) };
}

function applyStep(build: Build, changed: wire.BuildEventStepChanged): Build {
  if (!changed.step) return build;
  const news: Step = decode.step(changed.step);
  return replaceStage(build, changed.stage ?? 0, (stage) => ({
    ...stage,
    steps: stage.steps.map((step) => (step.number === news.number ? news : step)),
  }));
}

function applyStage(build: Build, changed: wire.BuildEventStageChanged): Build {
  return replaceStage(build, changed.stage ?? 0, (stage) => ({
    ...stage,
    bytes: decode.integer(changed.sizeBytes),
    message: changed.message ?? '',
  }));
}

function applyCell(build: Build, value: wire.CellView): Build {
  const news = decode.cell(value);
  const same = (cell: Build['cells'][number]) => cell.platform === news.platform && cell.targetStage === news.targetStage;
  if (!build.cells.some(same)) return { ...build, cells: [...build.cells, news] };
  return { ...build, cells: build.cells.map((cell) => (same(cell) ? news : cell)) };
}
