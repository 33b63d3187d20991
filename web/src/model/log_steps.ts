// Which consoles a build has, by platform, and which one is opened first.
import type { Build, Stage, Step } from './types';
import { columnsOf, type MatrixColumn } from './matrix';
import { stageLabel, stagesOfCell } from './build';

export interface LogStep {
  /** "STAGE.STEP": what the address has. */
  key: string;
  stage: Stage;
  step: Step;
  label: string;
}

export function stepKey(stage: Stage, step: Step): string {
  return `${stage.index}.${step.number}`;
}

export function logSteps(build: Build, column: MatrixColumn | undefined): LogStep[] {
  if (!column?.cell) return [];
  return [...stagesOfCell(build, column.cell)]
    .sort((a, b) => (a.fromRange?.first ?? a.index) - (b.fromRange?.first ?? b.index))
    .flatMap((stage) =>
      stage.steps
        .filter((step) => step.status !== 'metadata' && step.status !== 'unknown')
        .map((step) => ({ key: stepKey(stage, step), stage, step, label: `${stageLabel(stage)} ${step.number}` })),
    );
}

/** The platform of the step that is asked for, else the first that failed, that runs, or that is there. */
export function logColumn(build: Build, step: string, platform: string): MatrixColumn | undefined {
  const columns = columnsOf(build);
  const stage = build.stages.find((each) => step.startsWith(`${each.index}.`));
  return (
    columns.find((column) => column.platform === platform) ??
    columns.find((column) => stage && column.platform === stage.platform) ??
    columns.find((column) => stage && column.cell?.stages.includes(stage.index)) ??
    columns.find((column) => column.cell?.status === 'failed') ??
    columns.find((column) => column.cell?.status === 'running') ??
    columns[0]
  );
}

/**
 * The failed one, the running one, else the one that took longest. The one that is open stays so until it has ended and
 * another runs: who follows a build sees its end where it was.
 */
export function firstOpen(steps: readonly LogStep[], openKey = ''): LogStep | undefined {
  const withLog = steps.filter((each) => each.step.execution);
  const open = withLog.find((each) => each.key === openKey);
  return (
    withLog.find((each) => each.step.status === 'failed') ??
    (open?.step.status === 'running' ? open : withLog.find((each) => each.step.status === 'running')) ??
    open ??
    [...withLog].sort((a, b) => b.step.seconds - a.step.seconds)[0]
  );
}
