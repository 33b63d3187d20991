// All about a cell of the matrix, as the reading line and a screen reader have it.
import type { StepCell } from './matrix';
import { stageLabel } from './build';
import { added, joined } from '../format/number';
import { elapsed, seconds } from '../format/time';

export interface CellTime {
  /** Seconds that it runs, if it does. */
  running?: number;
}

export function stepStateWords({ step }: StepCell, time: CellTime): string {
  switch (step.status) {
    case 'executed':
    case 'cached':
    case 'shared':
      return `${step.status} ${seconds(step.seconds)}`;
    case 'failed':
      return `failed after ${seconds(step.seconds)}${step.failure ? `: ${step.failure}` : ''}`;
    case 'running':
      return time.running === undefined ? 'running' : `running for ${elapsed(time.running)}`;
    default:
      return step.status;
  }
}

export function cellWords(cell: StepCell, time: CellTime = {}): string {
  const { step, stage, agreement } = cell;
  const parts = [`${stageLabel(stage)} ${step.number}`, stepStateWords(cell, time)];
  if (step.layer) parts.push(added(step.layer.bytes));
  if (step.normalizations.length > 0) parts.push(`normalized by ${joined(step.normalizations.map((one) => one.rule))}`);
  if (agreement.words) parts.push(agreement.words);
  if (step.worker) parts.push(`on ${step.worker}${step.emulated ? ', emulated' : ''}`);
  if (step.acceleratedBy) parts.push(`accelerated by ${step.acceleratedBy} where it fits`);
  if (step.distrusted) parts.push('its worker is not believed any more');
  return parts.join(' · ');
}
