import { useEffect, useRef } from 'preact/hooks';
import type { Brought, PackageRow } from '../../model/packages';
import { barWidth } from '../../model/matrix';
import { seconds } from '../../format/time';
import { gridKeys, keepStop } from '../../frame/keys';
import { to } from '../../frame/router';
import { Glyph, outcomeMark } from '../../parts/Glyph';
import { Remedy } from '../../parts/Remedy';

const KIND: Record<string, string> = { wheel: 'wh', distro: 'wh', source: 'sr', 'source-cached': 'sc', failed: 'fl' };

function wordsOf(cell: Brought): string {
  return [
    `${cell.outcome}${cell.seconds === undefined ? '' : ` ${seconds(cell.seconds)}`}`,
    cell.emulated ? 'emulated' : '',
    cell.tag || cell.fileName,
    cell.otherWay ? `${cell.emulated ? 'natively' : 'emulated'} ${seconds(cell.otherWay.seconds)} in #${cell.otherWay.build}` : '',
    cell.compiledInBuild ? `compiled in #${cell.compiledInBuild}` : '',
    cell.outcome === 'unknown' ? cell.remedy : '',
    cell.conflict,
    `${cell.image} #${cell.build}, ${cell.stageName} step ${cell.stepNumber}`,
  ].filter(Boolean).join(' · ');
}

function Cell({ cell, longest, column }: { cell: Brought; longest: number; column: number }) {
  const mark = outcomeMark(cell.outcome);
  const timed = !['wheel', 'distro'].includes(cell.outcome);
  const classes = ['p', KIND[cell.outcome] ?? 'ot', cell.emulated && timed && 'em'];
  const log = to(['builds', cell.build, 'log'], { step: `${cell.stage}.${cell.stepNumber}`, platform: cell.platform, q: cell.name });
  const style = { '--w': barWidth(cell.seconds ?? 0, longest), '--p': cell.otherWay ? barWidth(cell.otherWay.seconds, longest) : 0 };
  return (
    <a class={classes.filter(Boolean).join(' ')} href={log} tabIndex={-1} data-cell={column} data-log={log} data-mark={cell.outcome === 'failed' || undefined} data-at={cell.platform} data-say={wordsOf(cell)} data-keys="Enter opens the log">
      {mark ? <Glyph {...mark} /> : <span />}
      <span class="n">{cell.outcome}</span>
      <span class="t">{cell.seconds === undefined ? '–' : seconds(cell.seconds)}</span>
      {timed ? (
        <span class="h" style={style}>
          {cell.otherWay && <i />}
        </span>
      ) : (
        <span />
      )}
    </a>
  );
}

function FixRow({ cell, columns }: { cell: Brought; columns: number }) {
  return (
    <tr>
      <td class="fx" colSpan={columns}>
        <div class="fix">
          <div>
            <h2 class="bad">
              <Glyph name="bad" tone="bad" /> {cell.failureClass || 'failed'} on {cell.platform}
            </h2>
            <p class="i2">
              In{' '}
              <a class="lk" href={to(['builds', cell.build, 'log'], { step: `${cell.stage}.${cell.stepNumber}`, platform: cell.platform })}>
                {cell.image} #{cell.build}, {cell.stageName} step {cell.stepNumber}
              </a>
              :
            </p>
            {cell.failureLine && (
              <pre class="i2 one" tabIndex={0}>
                {cell.failureLine}
              </pre>
            )}
          </div>
          <Remedy text={cell.remedy} lines={cell.remedyLines} place={cell.remedyRange} placeText={cell.remedyText} />
        </div>
      </td>
    </tr>
  );
}

interface TableProps {
  rows: readonly PackageRow[];
  platforms: readonly { platform: string; emulated: boolean }[];
  longest: number;
}

function Row({ row, platforms, longest }: { row: PackageRow } & Omit<TableProps, 'rows'>) {
  const failed = [...row.cells.values()].filter((cell) => cell.outcome === 'failed');
  return (
    <>
      <tr class={failed.length > 0 ? 'f' : undefined}>
        <th scope="row">
          <a class="lkq" href={to(['packages'], { name: row.name })} data-row data-at={row.name} data-say={`${row.version} · Enter shows its history`}>
            <b>{row.name}</b>
          </a>
          <span>{row.version}</span>
        </th>
        {platforms.map(({ platform }, column) => {
          const cell = row.cells.get(platform);
          return (
            <td key={platform} data-p={platform} class={cell ? undefined : 'i3'}>
              {cell ? <Cell cell={cell} longest={longest} column={column} /> : 'not asked'}
            </td>
          );
        })}
      </tr>
      {failed.map((cell) => (
        <FixRow key={cell.platform} cell={cell} columns={platforms.length + 1} />
      ))}
    </>
  );
}

export function PackageTable({ rows, platforms, longest }: TableProps) {
  const table = useRef<HTMLTableElement>(null);
  useEffect(() => keepStop(table.current));
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="packages">
      <table class="pk" ref={table} onKeyDown={gridKeys}>
        <caption class="vh">Packages by platform</caption>
        <colgroup>
          <col class="pkn" />
          {platforms.map(({ platform }) => (
            <col key={platform} />
          ))}
        </colgroup>
        <thead>
          <tr>
            <th scope="col">
              <span class="i3">package</span>
            </th>
            {platforms.map(({ platform, emulated }) => (
              <th key={platform} scope="col">
                <span class="pf">
                  {platform} {emulated && <small>emulated</small>}
                </span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row key={row.key} row={row} platforms={platforms} longest={longest} />
          ))}
        </tbody>
      </table>
    </div>
  );
}
