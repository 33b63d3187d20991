// The view of a build that its numbered events add up to, and when each execution ran: as its steps tell it, or for records
// of before they did, as their events came. The same rules as the terminal's (cli/show/build_model).
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

/** Every execution of the view says when it began; else its events have to be asked. */
export function timesTold(build: Build): boolean {
  const told = (part: { status: StepStatus; startedAt: number }) => part.startedAt > 0 || !hasSpan(part.status);
  return build.stages.every((stage) => stage.steps.every((step) => told(step) && step.replicas.every(told)));
}

/** A record of a whole view, which events behind its last one change. */
export function recordOf(build: Build): BuildRecord {
  const lastEvent = timesTold(build) ? build.lastEvent : 0;
  return { build, spans: toldSpans(build), plannedAt: build.plannedAt, lastEvent };
}

/** A newer whole view takes the place of the old one; what only events said of times stays. */
export function withBuild(record: BuildRecord, build: Build): BuildRecord {
  if (build.lastEvent < record.build.lastEvent) return record;
  const told = toldSpans(build);
  const spans = timesTold(build) ? told : new Map([...record.spans, ...told]);
  return { ...record, build, spans, plannedAt: build.plannedAt || record.plannedAt };
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
    // What a newer view told is not made older.
    if (event.stepChanged) noteSpan(next.spans, event.stepChanged, at, number <= record.build.lastEvent);
    if (number > build.lastEvent) build = { ...applyEvent(build, event, at), lastEvent: number };
  }
  next.build = build;
  return next;
}

function spanKey(stage: number, step: number, replica: number): string {
  return `${stage}/${step}/${replica}`;
}

/** Something ran, in this build. */
function hasSpan(status: StepStatus): boolean {
  return status === 'running' || status === 'executed' || status === 'failed' || status === 'cancelled';
}

function toldSpans(build: Build): Map<string, Span> {
  const spans = new Map<string, Span>();
  // What still runs when a build has ended was given up with it.
  const last = isFinished(build.status) ? build.finishedAt : 0;
  for (const stage of build.stages) {
    for (const step of stage.steps) {
      for (const part of [{ ...step, replica: 0 }, ...step.replicas]) {
        if (part.startedAt === 0 || !hasSpan(part.status)) continue;
        spans.set(spanKey(stage.index, step.number, part.replica), {
          stage: stage.index,
          step: step.number,
          replica: part.replica,
          worker: part.worker,
          emulated: step.emulated,
          ...timesOf(part, last),
          failed: part.status === 'failed',
        });
      }
    }
  }
  return spans;
}

/** A start that came late (its worker was away) is no later than the execution's own seconds say. */
function timesOf(part: { startedAt: number; finishedAt: number; seconds: number }, last: number): { start: number; end: number } {
  const end = part.finishedAt || last;
  const start = part.finishedAt > 0 ? Math.min(part.startedAt, part.finishedAt - part.seconds * 1000) : part.startedAt;
  return { start, end };
}

function noteSpan(spans: Map<string, Span>, changed: wire.BuildEventStepChanged, at: number, past: boolean): void {
  if (!changed.step) return;
  const step = decode.step(changed.step);
  const replica = changed.replica ?? 0;
  const stage = changed.stage ?? 0;
  const part = replica === 0 ? step : step.replicas.find((each) => each.replica === replica);
  if (!part) return;
  const key = spanKey(stage, step.number, replica);
  const known = spans.get(key);
  if (past && known && part.startedAt > 0) return;
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
  if (part.startedAt > 0 && hasSpan(part.status)) spans.set(key, { ...span, ...timesOf(part, part.status === 'running' ? 0 : at) });
  else if (part.status === 'running') spans.set(key, span);
  else if (part.status === 'executed' || part.status === 'failed') {
    const start = known && known.end === 0 ? known.start : at - part.seconds * 1000;
    spans.set(key, { ...span, start, end: at });
  } else if (part.status === 'waiting') spans.delete(key);
}

function applyEvent(build: Build, event: wire.BuildEvent, at: number): Build {
  if (event.statusChanged) return applyStatus(build, event.statusChanged, at);
  if (event.basePinned) return applyBase(build, event.basePinned);
  if (event.planned) return applyPlan(build, event.planned, at);
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
    neutral: changed.neutral ? decode.neutral(changed.neutral) : build.neutral,
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

function applyPlan(build: Build, planned: wire.BuildEventPlanned, at: number): Build {
  const stages = (planned.stages ?? []).map(decode.stage);
  const cells = (planned.cells ?? []).map((plan) => ({
    ...decode.cell({}),
    platform: decode.platform(plan.platform),
    targetStage: plan.targetStage ?? 0,
    status: 'queued' as const,
  }));
  return { ...build, stages, cells, plannedAt: at };
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
