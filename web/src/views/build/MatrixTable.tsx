// The matrix of a build as a real table: one tab stop, arrow keys within.
import { useEffect, useRef } from 'preact/hooks';
import { memo } from 'preact/compat';
import type { BuildRecord } from '../../model/build_model';
import type { Matrix, MatrixCell, MatrixColumn, MatrixRow, StageGroup } from '../../model/matrix';
import { firstRows, rowCount } from '../../model/matrix';
import { verdictOf, isBuilt } from '../../model/build';
import { bytes, shortDigest } from '../../format/number';
import { seconds } from '../../format/time';
import { Glyph, StatusGlyph, VerdictGlyph } from '../../parts/Glyph';
import { gridKeys, keepStop } from '../../frame/keys';
import { setQuery, usePlace } from '../../frame/router';
import { useGrowing } from '../../frame/growing';
import { MatrixStepCell } from './MatrixCell';

const VERDICT_TONE: Record<string, string> = { unreproducible: 'ne', flaky: 'flaky', 'input-drift': 'drift', failed: 'bad' };
const STATUS_TONE: Record<string, string> = { failed: 'bad', 'timed-out': 'bad', 'infrastructure-failed': 'farm' };

function ColumnHead({ column, many, chosen }: { column: MatrixColumn; many: boolean; chosen: boolean }) {
  const { cell } = column;
  const verdict = cell ? verdictOf(cell) : 'unknown';
  const built = cell && isBuilt(cell);
  return (
    <th scope="col" data-off={many && !chosen ? '' : undefined}>
      <span class="pf">
        {column.platform} {column.emulated && <small>emulated</small>}
      </span>
      {cell && (
        <div class="pfs">
          <span class={STATUS_TONE[cell.status] ?? ''}>
            <StatusGlyph status={built ? 'succeeded' : cell.status} /> <span class="wd">{built ? 'built' : cell.status}</span> {cell.seconds > 0 ? seconds(cell.seconds) : ''}
          </span>
          {verdict !== 'unknown' && verdict !== 'unverified' && verdict !== cell?.status && (
            <span class={VERDICT_TONE[verdict] ?? ''} data-at={column.platform} data-say={[cell.comparison?.reason, cell.comparison?.circumstances].filter(Boolean).join(' · ')}>
              <VerdictGlyph verdict={verdict} /> {verdict}
            </span>
          )}
          {cell.imageBytes > 0 && <span class="i3">{bytes(cell.imageBytes)}</span>}
        </div>
      )}
    </th>
  );
}

interface RowProps {
  record: BuildRecord;
  matrix: Matrix;
  row: MatrixRow;
  chosen: number;
  many: boolean;
}

function OneCell({ cell, column, props }: { cell: MatrixCell; column: number; props: RowProps }) {
  const { record, matrix } = props;
  switch (cell.kind) {
    case 'step': {
      const span = record.spans.get(`${cell.stage.index}/${cell.step.number}/0`);
      return <MatrixStepCell build={record.build.id} column={column} columns={matrix.columns.length} cell={cell} longest={matrix.longest} startedAt={span && span.end === 0 ? span.start : 0} />;
    }
    case 'base': {
      const digest = cell.base ? shortDigest(cell.base.digest, false) : (cell.fromStage ?? '');
      const words = cell.base ? `base ${cell.base.reference} · ${cell.base.digest}${cell.base.standIn ? ' · stand-in' : ''}` : `stands on ${digest}`;
      return (
        <span class="c cf" data-at={matrix.columns[column]?.platform} data-say={words}>
          <Glyph name="base" tone="q" />
          <span class="m">{digest || '–'}</span>
        </span>
      );
    }
    case 'config':
      return (
        <span class="c cf">
          <Glyph name="cfg" tone="q" />
          <span>config only</span>
        </span>
      );
    case 'elsewhere':
      return <span class="c cf one">{cell.text}</span>;
    default:
      return null;
  }
}

function Row(props: RowProps) {
  const { row, many, chosen } = props;
  return (
    <tr>
      <th scope="row" class="m" data-at={`step ${row.number}`} data-say={row.text}>
        <i>{row.number}</i>
        {row.text}
      </th>
      {row.cells.map((cell, column) =>
        cell.kind === 'covered' ? null : (
          <td
            key={column}
            colSpan={cell.kind === 'elsewhere' && !many ? cell.span : undefined}
            data-off={many && column !== chosen && cell.kind !== 'elsewhere' ? '' : undefined}
            class={cell.kind === 'none' || (cell.kind === 'elsewhere' && !cell.text) ? 'gap' : undefined}
          >
            <OneCell cell={cell} column={column} props={props} />
          </td>
        ),
      )}
    </tr>
  );
}

const Group = memo(function Group({ group, ...rest }: Omit<RowProps, 'row'> & { group: StageGroup }) {
  const note = [group.from && `from ${group.from}`, group.once && 'once for all'].filter(Boolean).join(' · ');
  return (
    <>
      <tr class="stg">
        <th scope="rowgroup">
          {group.name}
          <span>{note}</span>
        </th>
        {group.sizes.map((size, i) => (
          <td key={i} data-off={rest.many && i !== rest.chosen ? '' : undefined}>
            {size === undefined ? '' : bytes(size)}
          </td>
        ))}
      </tr>
      {group.rows.map((row) => (
        <Row key={row.key} row={row} {...rest} />
      ))}
    </>
  );
});

/** At least as many rows as the window has room for, and then as many cells in a frame, whatever the number of platforms. */
function useShownRows(matrix: Matrix): StageGroup[] {
  const first = Math.max(12, Math.ceil((innerHeight - 200) / 24));
  const pace = Math.max(6, Math.ceil(360 / Math.max(1, matrix.columns.length)));
  return firstRows(matrix.groups, useGrowing(rowCount(matrix.groups), first, pace));
}

function PlatformSwitch({ columns, chosen }: { columns: readonly MatrixColumn[]; chosen: number }) {
  return (
    <div class="pswitch" role="group" aria-label="Platform shown">
      {columns.map((column, i) => (
        <button key={column.platform} class="btn" type="button" aria-pressed={i === chosen} onClick={() => setQuery({ platform: column.platform })}>
          {column.platform} {column.cell && <StatusGlyph status={column.cell.status} />}
        </button>
      ))}
    </div>
  );
}

export function MatrixTable({ record, matrix }: { record: BuildRecord; matrix: Matrix }) {
  const table = useRef<HTMLTableElement>(null);
  const place = usePlace();
  useEffect(() => keepStop(table.current));
  const { columns } = matrix;
  const many = columns.length > 3;
  const found = columns.findIndex((column) => column.platform === place.query.get('platform'));
  const chosen = found < 0 ? 0 : found;
  const size = columns.length > 8 ? 'x9' : columns.length > 4 ? 'x5' : '';
  const rest = { record, matrix, many, chosen };
  const groups = useShownRows(matrix);
  return (
    <>
      {many && <PlatformSwitch columns={columns} chosen={chosen} />}
      <div class={size ? `mxs ${size}` : ''} role={size ? 'region' : undefined} aria-label={size ? 'matrix table' : undefined} tabIndex={size ? 0 : undefined}>
        <table class={`mx ${size} n${Math.min(3, columns.length)}`} ref={table} onKeyDown={gridKeys}>
          <caption class="vh">Steps by platform</caption>
          <colgroup>
            <col class="st" />
            {columns.map((column) => (
              <col key={column.platform} />
            ))}
          </colgroup>
          <thead>
            <tr>
              <th scope="col" class="i3 first">
                stage and step
              </th>
              {columns.map((column, i) => (
                <ColumnHead key={column.platform} column={column} many={many} chosen={i === chosen} />
              ))}
            </tr>
          </thead>
          <tbody>
            {groups.map((group) => (
              <Group key={group.key} group={group} {...rest} />
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
