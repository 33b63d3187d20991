// Explains the marks that this matrix really has.
import type { Matrix, StepCell } from '../../model/matrix';
import { seconds } from '../../format/time';
import { Glyph } from '../../parts/Glyph';

function stepCells(matrix: Matrix): StepCell[] {
  return matrix.groups.flatMap((group) => group.rows.flatMap((row) => row.cells.filter((cell): cell is StepCell => cell.kind === 'step')));
}

export function MatrixLegend({ matrix }: { matrix: Matrix }) {
  const cells = stepCells(matrix);
  const cached = cells.find((cell) => cell.step.status === 'cached' && cell.step.seconds > 0.05) ?? cells.find((cell) => cell.step.status === 'cached');
  const same = cells.find((cell) => cell.agreement.kind === 'same');
  const outside = cells.find((cell) => cell.agreement.kind === 'outside' && cell.agreement.label.startsWith('('));
  return (
    <p class="leg">
      {matrix.longest > 1 && matrix.columns.length <= 4 && <span>Bars grow with the square root of time, longest {seconds(matrix.longest)}.</span>}
      {cached && <span>({seconds(cached.step.seconds)}) cached: nothing ran, that is what it took.</span>}
      {cells.some((cell) => cell.step.emulated) && (
        <span>
          <i class="hem" />
          emulated
        </span>
      )}
      {same && (
        <span>
          <Glyph name="eq" tone="ok" /> {same.agreement.label}: that many executions, same bytes
        </span>
      )}
      {cells.some((cell) => cell.agreement.kind === 'once') && (
        <span>
          <Glyph name="one" tone="q" /> executed once
        </span>
      )}
      {outside && (
        <span>
          <Glyph name="ne" tone="q" /> {outside.agreement.label} so many paths differ, outside the image
        </span>
      )}
    </p>
  );
}
