// The matrix of a build: stages and steps down, platforms across. Stages that run once for several platforms
// ($BUILDPLATFORM) stand once; steps that only change the config fold into one row.
import type { Base, Build, Cell, Stage, Step } from './types';
import { isFinished, stageLabel, stagesOfCell } from './build';
import { agreementOf, type Agreement } from './agreement';

export interface MatrixColumn {
  platform: string;
  emulated: boolean;
  cell?: Cell;
}

export interface StepCell {
  kind: 'step';
  stage: Stage;
  step: Step;
  agreement: Agreement;
}

export type MatrixCell =
  | StepCell
  | { kind: 'base'; base?: Base; fromStage?: string; stage: Stage }
  | { kind: 'config' }
  | { kind: 'elsewhere'; first: boolean; span: number; text: string }
  | { kind: 'covered' }
  | { kind: 'none' };

export interface MatrixRow {
  key: string;
  number: string;
  text: string;
  cells: MatrixCell[];
}

export interface StageGroup {
  key: string;
  name: string;
  from: string;
  line: number;
  isTarget: boolean;
  sizes: (number | undefined)[];
  once: boolean;
  rows: MatrixRow[];
}

export interface Matrix {
  columns: MatrixColumn[];
  groups: StageGroup[];
  longest: number;
}

/** Square root, one scale per build: 0 to 100. */
export function barWidth(seconds: number, longest: number): number {
  return longest > 0 ? Math.round(1000 * Math.sqrt(Math.max(0, seconds) / longest)) / 10 : 0;
}

export function columnsOf(build: Build): MatrixColumn[] {
  if (build.cells.length === 0) return build.options.platforms.map((platform) => ({ platform, emulated: false }));
  return build.cells.map((cell) => ({
    platform: cell.platform,
    emulated: cell.emulated || stagesOfCell(build, cell).some((stage) => stage.platform === cell.platform && stage.steps.some((step) => step.emulated)),
    cell,
  }));
}

/** What a FROM names, without flags and AS: "python:3.12". */
export function fromName(fromText: string): string {
  const words = fromText.split(/\s+/).filter((word) => !word.startsWith('--'));
  return words[1] ?? '';
}

interface Member {
  column: number;
  stage: Stage;
}

/** Stages that are the same in the recipe, with the columns that use them. */
function groupStages(build: Build, columns: readonly MatrixColumn[]): Member[][] {
  const groups = new Map<string, Member[]>();
  columns.forEach((column, i) => {
    if (!column.cell) return;
    for (const stage of stagesOfCell(build, column.cell)) {
      const key = `${stage.fromRange?.first ?? 0}/${stage.name}`;
      const members = groups.get(key) ?? [];
      members.push({ column: i, stage });
      groups.set(key, members);
    }
  });
  const order = (members: Member[]) => members[0]?.stage.fromRange?.first ?? members[0]?.stage.index ?? 0;
  return [...groups.values()].sort((a, b) => order(a) - order(b));
}

/** The column in which a stage stands that several columns use: its own platform's, else the first. */
function standsAt(members: readonly Member[], stage: Stage, columns: readonly MatrixColumn[]): number {
  const users = members.filter((member) => member.stage === stage).map((member) => member.column);
  return users.find((column) => columns[column]?.platform === stage.platform) ?? users[0] ?? 0;
}

interface Placed {
  /** By column: the stage that stands there. */
  stages: (Stage | undefined)[];
  once: boolean;
  only?: Stage;
}

function place(members: readonly Member[], columns: readonly MatrixColumn[]): Placed {
  const distinct = [...new Set(members.map((member) => member.stage))];
  const stages: (Stage | undefined)[] = columns.map(() => undefined);
  for (const stage of distinct) stages[standsAt(members, stage, columns)] = stage;
  const once = distinct.length === 1 && members.length > 1;
  return { stages, once, only: once ? distinct[0] : undefined };
}

/** Cells of a stage that ran once: it where it stands, a text across the first gap, nothing in the rest. */
function acrossRest(cells: MatrixCell[], text: string): MatrixCell[] {
  let told = false;
  return cells.map((cell, i) => {
    if (cell.kind !== 'none') return cell;
    let span = 1;
    while (cells[i + span]?.kind === 'none') span += 1;
    if (i > 0 && cells[i - 1]?.kind === 'none') return { kind: 'covered' };
    const first = !told;
    told = true;
    return { kind: 'elsewhere', first, span, text: first ? text : '' };
  });
}

function baseCell(build: Build, stage: Stage): MatrixCell {
  const base = stage.base >= 0 ? build.bases[stage.base] : undefined;
  return { kind: 'base', base, fromStage: base ? undefined : fromName(stage.fromText), stage };
}

function stepRow(build: Build, columns: readonly MatrixColumn[], placed: Placed, number: number): MatrixRow {
  let text = '';
  const cells = placed.stages.map((stage, i): MatrixCell => {
    const step = stage?.steps.find((each) => each.number === number);
    if (!stage || !step) return { kind: 'none' };
    text ||= step.text;
    if (step.status === 'metadata') return { kind: 'config' };
    if (step.status === 'waiting' && isFinished(build.status)) return { kind: 'none' };
    return { kind: 'step', stage, step, agreement: agreementOf(build, columns[i]?.cell, stage.index, step) };
  });
  return { key: String(number), number: String(number), text, cells };
}

/** Rows in which every cell only changes the config become one. */
function fold(rows: MatrixRow[]): MatrixRow[] {
  const result: MatrixRow[] = [];
  let open: MatrixRow | undefined;
  for (const row of rows) {
    const config = row.cells.every((cell) => cell.kind === 'config' || cell.kind === 'none') && row.cells.some((cell) => cell.kind === 'config');
    if (!config) {
      open = undefined;
      result.push(row);
    } else if (!open) {
      open = { ...row, text: row.text };
      result.push(open);
    } else {
      const word = (text: string) => text.split(/\s/)[0] ?? '';
      open.text = `${open.text.includes(' · ') ? open.text : word(open.text)} · ${word(row.text)}`;
      open.number = `${open.number.split('–')[0]}–${row.number}`;
    }
  }
  return result;
}

function groupOf(build: Build, columns: readonly MatrixColumn[], members: readonly Member[]): StageGroup {
  const placed = place(members, columns);
  const any = members[0]?.stage as Stage;
  const numbers = [...new Set(placed.stages.flatMap((stage) => stage?.steps.map((step) => step.number) ?? []))].sort((a, b) => a - b);
  const rows = fold(numbers.map((number) => stepRow(build, columns, placed, number)));
  const from: MatrixRow = {
    key: 'from',
    number: '1',
    text: any.fromText,
    cells: placed.stages.map((stage): MatrixCell => (stage ? baseCell(build, stage) : { kind: 'none' })),
  };
  const all = numbers[0] === 1 ? rows : [from, ...rows];
  if (placed.only) {
    const users = members.length === columns.length ? `copied into all ${columns.length}` : `copied into ${members.length} of ${columns.length}`;
    all.forEach((row, i) => (row.cells = acrossRest(row.cells, i === 0 ? `runs on ${placed.only?.platform} only, ${users}` : '')));
  }
  return {
    key: `${any.fromRange?.first ?? any.index}/${any.name}`,
    name: stageLabel(any),
    from: fromName(any.fromText),
    line: any.fromRange?.first ?? 0,
    isTarget: build.cells.some((cell) => members.some((member) => member.stage.index === cell.targetStage)),
    sizes: placed.stages.map((stage) => (stage && stage.bytes > 0 ? stage.bytes : undefined)),
    once: placed.once,
    rows: all,
  };
}

/** The first rows of all groups, a group's head counted as one; groups that are whole stay the same objects. */
export function firstRows(groups: readonly StageGroup[], most: number): StageGroup[] {
  const shown: StageGroup[] = [];
  let left = most;
  for (const group of groups) {
    if (left < 2) break;
    left -= 1;
    shown.push(group.rows.length <= left ? group : { ...group, rows: group.rows.slice(0, left) });
    left -= group.rows.length;
  }
  return shown;
}

export function rowCount(groups: readonly StageGroup[]): number {
  return groups.reduce((sum, group) => sum + 1 + group.rows.length, 0);
}

export function longestStep(build: Build): number {
  // Below a second nothing is long: such bars stay short.
  let longest = 1;
  for (const stage of build.stages) for (const step of stage.steps) longest = Math.max(longest, step.seconds);
  return longest;
}

export function matrixOf(build: Build): Matrix {
  const columns = columnsOf(build);
  const groups = groupStages(build, columns).map((members) => groupOf(build, columns, members));
  return { columns, groups, longest: longestStep(build) };
}
