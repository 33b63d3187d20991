// The glyphs. Alone they have a label, beside their word they have none.
import { SHAPES } from './glyph_shapes';
import type { BuildStatus, Outcome, StepStatus, Verdict } from '../model/types';

export type Tone = 'ok' | 'bad' | 'ne' | 'run' | 'farm' | 'flaky' | 'drift' | 'q' | '';

export interface Mark {
  name: string;
  tone: Tone;
}

const STATUS: Record<BuildStatus, Mark> = {
  succeeded: { name: 'ok', tone: 'ok' },
  failed: { name: 'bad', tone: 'bad' },
  'timed-out': { name: 'time', tone: 'bad' },
  running: { name: 'run', tone: 'run' },
  queued: { name: 'queue', tone: 'q' },
  planning: { name: 'queue', tone: 'q' },
  cancelled: { name: 'cancel', tone: 'q' },
  'infrastructure-failed': { name: 'infra', tone: 'farm' },
  unknown: { name: 'inc', tone: 'q' },
};

const STEP: Record<StepStatus, Mark> = {
  executed: { name: 'ok', tone: 'ok' },
  cached: { name: 'cached', tone: 'q' },
  shared: { name: 'shared', tone: 'q' },
  failed: { name: 'bad', tone: 'bad' },
  running: { name: 'run', tone: 'run' },
  waiting: { name: 'queue', tone: 'q' },
  cancelled: { name: 'cancel', tone: 'q' },
  metadata: { name: 'cfg', tone: 'q' },
  unknown: { name: 'inc', tone: 'q' },
};

const VERDICT: Record<Verdict, Mark> = {
  reproducible: { name: 'eq', tone: 'ok' },
  unreproducible: { name: 'ne', tone: 'ne' },
  flaky: { name: 'flaky', tone: 'flaky' },
  'input-drift': { name: 'drift', tone: 'drift' },
  inconclusive: { name: 'inc', tone: 'q' },
  unverified: { name: 'one', tone: 'q' },
  failed: { name: 'bad', tone: 'bad' },
  unknown: { name: 'one', tone: 'q' },
};

/** Only these have a glyph; the others are their word alone. */
const OUTCOME: Partial<Record<Outcome, Mark>> = {
  wheel: { name: 'wheel', tone: '' },
  source: { name: 'src', tone: '' },
  'source-cached': { name: 'srcc', tone: '' },
  unknown: { name: 'inc', tone: '' },
  failed: { name: 'bad', tone: '' },
};

export const statusMark = (status: BuildStatus): Mark => STATUS[status] ?? STATUS.unknown;
export const stepMark = (status: StepStatus): Mark => STEP[status] ?? STEP.unknown;
export const verdictMark = (verdict: Verdict): Mark => VERDICT[verdict] ?? VERDICT.unknown;
export const outcomeMark = (outcome: Outcome): Mark | undefined => OUTCOME[outcome];

interface GlyphProps {
  name: string;
  tone?: Tone;
  label?: string;
}

export function Glyph({ name, tone = '', label }: GlyphProps) {
  const named = label ? { role: 'img' as const, 'aria-label': label } : { 'aria-hidden': true as const };
  return (
    <svg class={`g ${tone}`} viewBox="0 0 12 12" {...named}>
      {SHAPES[name]?.()}
    </svg>
  );
}

export function StatusGlyph({ status, alone }: { status: BuildStatus; alone?: boolean }) {
  return <Glyph {...statusMark(status)} label={alone ? status : undefined} />;
}

export function VerdictGlyph({ verdict, alone }: { verdict: Verdict; alone?: boolean }) {
  return <Glyph {...verdictMark(verdict)} label={alone ? verdict : undefined} />;
}
