// One cell of the matrix: glyph, time, bar, size and agreement on the same five verticals.
import { memo } from 'preact/compat';
import type { StepCell } from '../../model/matrix';
import { barWidth } from '../../model/matrix';
import { agreementMark } from '../../model/agreement';
import { cellWords } from '../../model/cell_words';
import { added } from '../../format/number';
import { elapsed, seconds } from '../../format/time';
import { Glyph, stepMark } from '../../parts/Glyph';
import { useNow } from '../../frame/now';
import { to } from '../../frame/router';

interface StepCellProps {
  build: number;
  column: number;
  /** Beyond four platforms bars have no room, beyond eight sizes. */
  columns: number;
  cell: StepCell;
  longest: number;
  /** When its execution began, in milliseconds; 0: not known. */
  startedAt: number;
}

function timeText(cell: StepCell, running: number | undefined): string {
  const { step } = cell;
  switch (step.status) {
    case 'executed':
    case 'failed':
      return seconds(step.seconds);
    case 'cached':
    case 'shared':
      return `(${seconds(step.seconds)})`;
    case 'running':
      return running === undefined ? 'runs' : elapsed(running);
    default:
      return '';
  }
}

function classOf(cell: StepCell): string {
  const { step, agreement } = cell;
  const names = ['c'];
  if (step.status === 'cached' || step.status === 'shared') names.push('ca');
  if (step.emulated) names.push('em');
  if (agreement.kind === 'reaches') names.push('df');
  if (step.status === 'failed') names.push('fl');
  if (step.status === 'running') names.push('rn');
  if (step.status === 'waiting' || step.status === 'cancelled') names.push('wt');
  return names.join(' ');
}

function Agreed({ cell }: { cell: StepCell }) {
  const { agreement } = cell;
  const mark = agreementMark(agreement.kind);
  if (cell.step.status === 'failed') return <b class="bad">{cell.step.exitCode ? `exit ${cell.step.exitCode}` : 'failed'}</b>;
  if (agreement.kind === 'reaches') {
    const [count, word] = agreement.label.split(' ');
    return (
      <>
        <Glyph name="ne" tone="ne" />
        <b class="ne">
          {count}
          <span class="wd"> {word}</span>
        </b>
      </>
    );
  }
  return (
    <>
      {mark && <Glyph {...mark} />}
      {agreement.kind === 'flaky' ? <b class="flaky">{agreement.label || 'flaky'}</b> : <span class={agreement.kind === 'same' ? '' : 'i3'}>{agreement.label}</span>}
    </>
  );
}

function hrefOf(build: number, cell: StepCell): string {
  const where = `${cell.stage.index}.${cell.step.number}`;
  if (cell.agreement.kind === 'reaches' || cell.agreement.kind === 'outside') return to(['builds', build, 'compare', cell.stage.index, cell.step.number]);
  return to(['builds', build, 'log'], { step: where });
}

function Cell({ build, column, columns, cell, longest, startedAt }: StepCellProps) {
  const isRunning = cell.step.status === 'running';
  const now = useNow(isRunning);
  const running = isRunning && startedAt > 0 ? Math.max(0, (now - startedAt) / 1000) : undefined;
  const words = cellWords(cell, { running });
  const bar = isRunning ? barWidth(running ?? 0, Math.max(longest, running ?? 0)) : barWidth(cell.step.seconds, longest);
  const marked = cell.agreement.kind === 'reaches' || cell.agreement.kind === 'flaky' || cell.step.status === 'failed' || cell.agreement.kind === 'outside';
  return (
    <a
      class={classOf(cell)}
      href={hrefOf(build, cell)}
      tabIndex={-1}
      data-cell={column}
      data-mark={marked || undefined}
      data-log={to(['builds', build, 'log'], { step: `${cell.stage.index}.${cell.step.number}` })}
      data-at={cell.stage.platform}
      data-say={words}
      data-keys="Enter opens, L log, N next difference"
    >
      <span class="vh">{`${cell.stage.platform}, ${words.replace(/ · /g, ', ')}`}</span>
      <Glyph {...stepMark(cell.step.status)} />
      <span class="t" aria-hidden="true">{timeText(cell, running)}</span>
      {columns <= 4 && <span class="h" style={{ '--w': bar }} />}
      {columns <= 8 && (
        <span class="z" aria-hidden="true">
          {cell.step.layer ? added(cell.step.layer.bytes) : ''}
        </span>
      )}
      <span class="a" aria-hidden="true">
        <Agreed cell={cell} />
      </span>
    </a>
  );
}

export const MatrixStepCell = memo(Cell, (a, b) => {
  return (
    a.cell.step === b.cell.step &&
    a.cell.agreement.label === b.cell.agreement.label &&
    a.cell.agreement.kind === b.cell.agreement.kind &&
    a.longest === b.longest &&
    a.columns === b.columns &&
    a.startedAt === b.startedAt &&
    a.column === b.column
  );
});
