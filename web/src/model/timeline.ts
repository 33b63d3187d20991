// The timeline of a build by worker, and its critical path.
import type { Build, Stage } from './types';
import type { BuildRecord, Span } from './build_model';
import { findStage, shortPlatform, stageLabel } from './build';
import { comparisonOf } from './agreement';
import { needsOf } from './recipe_edges';

export interface Block {
  stage: Stage;
  firstStep: number;
  lastStep: number;
  replica: number;
  worker: string;
  emulated: boolean;
  /** Seconds since the submission. */
  start: number;
  end: number;
  running: boolean;
  failed: boolean;
  differs: boolean;
  critical: boolean;
  lane: number;
}

export interface WorkerLanes {
  worker: string;
  lanes: number;
  blocks: Block[];
}

export interface PathPart {
  seconds: number;
  label: string;
  note: string;
}

export interface Timeline {
  total: number;
  /** Seconds until the first execution began. */
  waited: number;
  workers: WorkerLanes[];
  path: PathPart[];
  /** Pairs "producer>consumer" of stage indices on the critical path. */
  criticalEdges: Set<string>;
}

function blockLabel(block: Block): string {
  const steps = block.lastStep > block.firstStep ? `${block.firstStep}–${block.lastStep}` : String(block.firstStep);
  return `${shortPlatform(block.stage.platform)} ${stageLabel(block.stage)} ${steps}`;
}

export { blockLabel };

function differs(build: Build, stage: number, step: number): boolean {
  return build.cells.some((cell) => {
    const comparison = comparisonOf(cell, stage, step);
    return comparison !== undefined && !comparison.agrees && comparison.reachesImage;
  });
}

/** Executions of steps as blocks; short neighbours of one stage become one. */
function blocksOf(build: Build, spans: readonly Span[], total: number, now: number): Block[] {
  const short = total / 100;
  const blocks: Block[] = [];
  const open = new Map<string, Block>();
  for (const span of [...spans].sort((a, b) => a.start - b.start || a.step - b.step)) {
    const stage = findStage(build, span.stage);
    if (!stage) continue;
    const start = (span.start - build.createdAt) / 1000;
    const end = ((span.end || now) - build.createdAt) / 1000;
    const key = `${span.stage}/${span.replica}/${span.worker}`;
    const last = open.get(key);
    const different = differs(build, span.stage, span.step);
    const joins = last && !last.running && !span.failed && different === last.differs && end - start < short && last.end - last.start < short && start - last.end < short;
    if (joins) {
      last.lastStep = span.step;
      last.end = Math.max(last.end, end);
      last.running = span.end === 0;
      continue;
    }
    const block: Block = {
      stage, firstStep: span.step, lastStep: span.step, replica: span.replica, worker: span.worker, emulated: span.emulated,
      start, end, running: span.end === 0, failed: span.failed, differs: different, critical: false, lane: 0,
    };
    blocks.push(block);
    open.set(key, block);
  }
  return blocks;
}

/** One task's blocks stay on one lane, the first that is free; a block that is drawn wider than it is keeps that room. */
function intoLanes(blocks: Block[], least: number): number {
  const chains = new Map<string, Block[]>();
  for (const block of blocks) {
    const key = `${block.stage.index}/${block.replica}`;
    chains.set(key, [...(chains.get(key) ?? []), block]);
  }
  const starts = (chain: Block[]) => Math.min(...chain.map((block) => block.start));
  const ends: number[] = [];
  for (const chain of [...chains.values()].sort((a, b) => starts(a) - starts(b))) {
    const start = starts(chain);
    let lane = ends.findIndex((end) => end <= start + 1e-6);
    if (lane < 0) lane = ends.length;
    for (const block of chain) block.lane = lane;
    ends[lane] = Math.max(...chain.map((block) => Math.max(block.end, block.start + least)));
  }
  return Math.max(1, ends.length);
}

/** Backwards from what ended last: each time to what it waited for. */
function criticalBlocks(build: Build, blocks: readonly Block[], slack: number): Block[] {
  const first = blocks.filter((block) => block.replica === 0);
  const path: Block[] = [];
  // Clocks of workers are not the same to the millisecond: what ended a little later counts, but nothing counts twice.
  const lastOf = (stage: number, before: number) =>
    first.filter((block) => block.stage.index === stage && block.end <= before + slack && !path.includes(block)).sort((a, b) => b.end - a.end)[0];
  let current = [...first].sort((a, b) => b.end - a.end)[0];
  while (current && path.length < 1000) {
    path.unshift(current);
    const here: Block = current;
    const candidates = [lastOf(here.stage.index, here.start), ...needsOf(build, here.stage).map((need) => lastOf(need.stage.index, here.start))];
    current = candidates.filter((block) => block !== undefined).sort((a, b) => b.end - a.end)[0];
  }
  return path;
}

function pathParts(build: Build, path: readonly Block[], total: number, now: number): PathPart[] {
  const parts: PathPart[] = [];
  let at = 0;
  const share = (value: number) => `${Math.round((100 * value) / Math.max(total, 0.001))} %`;
  const gap = (until: number, label: string, note: string) => {
    if (until - at > total / 200 && until - at > 0.05) parts.push({ seconds: until - at, label, note });
    at = Math.max(at, until);
  };
  path.forEach((block, i) => {
    gap(block.start, i === 0 ? 'plan and queue' : 'waits', '');
    parts.push({ seconds: block.end - block.start, label: blockLabel(block), note: share(block.end - block.start) });
    at = Math.max(at, block.end);
  });
  if (build.finishedAt && path.length > 0) gap(Math.min(total, (now - build.createdAt) / 1000), 'assemble', '');
  return parts;
}

export function timelineOf(record: BuildRecord, now: number): Timeline | undefined {
  const { build } = record;
  const spans = [...record.spans.values()];
  if (spans.length === 0) return undefined;
  const end = build.finishedAt || now;
  const latest = spans.reduce((last, span) => Math.max(last, span.end || now), end);
  const total = Math.max(0.1, (latest - build.createdAt) / 1000);
  const blocks = blocksOf(build, spans, total, now);
  const critical = criticalBlocks(build, blocks, Math.max(0.05, total / 500));
  const criticalEdges = new Set<string>();
  critical.forEach((block, i) => {
    block.critical = true;
    const before = critical[i - 1];
    if (before && before.stage.index !== block.stage.index) criticalEdges.add(`${before.stage.index}>${block.stage.index}`);
  });
  const names = [...new Set(blocks.map((block) => block.worker))].sort();
  const workers = names.map((worker) => {
    const mine = blocks.filter((block) => block.worker === worker);
    return { worker, lanes: intoLanes(mine, total / 250), blocks: mine };
  });
  const begin = Math.min(...blocks.map((block) => block.start));
  const planned = record.plannedAt ? (record.plannedAt - build.createdAt) / 1000 : 0;
  return { total, waited: Math.max(0, begin - planned), workers, path: pathParts(build, critical, total, end), criticalEdges };
}

const STEPS = [0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];

/** Round marks of the axis, at most about ten. */
export function axisMarks(total: number): number[] {
  const step = STEPS.find((each) => total / each <= 10) ?? Math.ceil(total / 10 / 86400) * 86400;
  const marks: number[] = [];
  for (let i = 0; i * step < total - step * 0.4; i += 1) marks.push(Math.round(i * step * 100) / 100);
  return marks;
}
