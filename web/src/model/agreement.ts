// What the executions of one step say together: how many agree, or what differs.
import type { Build, Cell, Step, StepComparison } from './types';
import type { Mark } from '../parts/Glyph';

export type AgreementKind = 'same' | 'reaches' | 'outside' | 'flaky' | 'missing' | 'once' | 'pending' | 'none';

export interface Agreement {
  kind: AgreementKind;
  /** Beside the glyph: "2/2", "2 paths", "(3)". */
  label: string;
  /** As a part of the cell's sentence. */
  words: string;
}

const NONE: Agreement = { kind: 'none', label: '', words: '' };

export function agreementMark(kind: AgreementKind): Mark | undefined {
  switch (kind) {
    case 'same':
      return { name: 'eq', tone: 'ok' };
    case 'reaches':
      return { name: 'ne', tone: 'ne' };
    case 'outside':
      return { name: 'ne', tone: 'q' };
    case 'flaky':
      return { name: 'flaky', tone: 'flaky' };
    case 'missing':
      return { name: 'inc', tone: 'q' };
    case 'once':
      return { name: 'one', tone: 'q' };
    default:
      return undefined;
  }
}

export function comparisonOf(cell: Cell | undefined, stage: number, number: number): StepComparison | undefined {
  return cell?.comparison?.steps.find((each) => each.stage === stage && each.stepNumber === number);
}

function ofComparison(comparison: StepComparison): Agreement {
  const executions = comparison.witnesses.length;
  const failed = comparison.witnesses.filter((witness) => !witness.layer).length;
  if (failed > 0 && failed < executions) {
    return { kind: 'flaky', label: `${executions - failed}/${executions}`, words: `${failed} of ${executions} executions failed` };
  }
  if (comparison.agrees) {
    return executions > 1
      ? { kind: 'same', label: `${executions}/${executions}`, words: `${executions} of ${executions} executions agree` }
      : { kind: 'once', label: '', words: 'executed once' };
  }
  const total = comparison.differencesTotal;
  const paths = total === 1 ? '1 path' : `${total} paths`;
  if (!comparison.reachesImage) {
    const none = total === 1 ? 'it does not reach the image' : 'none reaches the image';
    return { kind: 'outside', label: `(${total})`, words: `${paths} ${total === 1 ? 'differs' : 'differ'}, ${none}` };
  }
  const first = comparison.differences[0]?.path;
  const where = first ? `, first ${shortPath(first)}` : '';
  return { kind: 'reaches', label: paths, words: `${paths} ${total === 1 ? 'differs and reaches' : 'differ and reach'} the image${where}` };
}

/** A path in the reading line: its first two folders and its name. */
export function shortPath(path: string): string {
  const parts = path.split('/').filter(Boolean);
  if (parts.length <= 4) return path;
  return `${parts[0]}/${parts[1]}/…/${parts[parts.length - 1]}`;
}

/** As the terminal counts it while there is no comparison yet. */
function ofReplicas(step: Step, wanted: number, cell: Cell | undefined): Agreement {
  const done = step.replicas.filter((replica) => replica.layer);
  if (step.layer && step.replicas.some((replica) => replica.status === 'failed')) {
    return { kind: 'flaky', label: '', words: 'a repetition failed' };
  }
  const agreeing = done.filter((replica) => replica.layer?.digest === step.layer?.digest).length;
  if (done.length > 0 && agreeing < done.length) {
    return { kind: 'outside', label: 'differs', words: 'another execution gave other bytes' };
  }
  if (done.length > 0) {
    const all = done.length + 1;
    return { kind: 'same', label: `${all}/${all}`, words: `${all} of ${all} executions agree` };
  }
  if (wanted < 2) return { kind: 'once', label: '', words: 'executed once' };
  if (step.replicas.some((replica) => replica.status === 'running')) {
    return { kind: 'pending', label: `1/${wanted} …`, words: `a repetition runs on ${step.replicas.find((each) => each.status === 'running')?.worker}` };
  }
  if (cell?.comparison && cell.comparison.verdict !== 'unknown') {
    return { kind: 'missing', label: `1/${wanted}`, words: 'executed once, a second host is missing' };
  }
  return { kind: 'pending', label: '', words: '' };
}

export function agreementOf(build: Build, cell: Cell | undefined, stage: number, step: Step): Agreement {
  if (!step.layer) return NONE;
  const comparison = comparisonOf(cell, stage, step.number);
  return comparison ? ofComparison(comparison) : ofReplicas(step, build.options.verify, cell);
}
