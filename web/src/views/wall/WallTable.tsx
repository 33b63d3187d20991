import type { Wall, WallCell, WallGroup, WallRow } from '../../model/wall';
import { isFinished, shortPlatform } from '../../model/build';
import { elapsed, instant, seconds, whole } from '../../format/time';
import { plural } from '../../format/number';
import { to } from '../../frame/router';
import { useZone } from '../../frame/settings';
import { statusMark, Glyph, verdictMark } from '../../parts/Glyph';
import { Strip } from '../../parts/Strip';

function statusWords(cell: WallCell, now: number): { text: string; tone: string } {
  const own = cell.cell;
  const status = own && own.status !== 'unknown' ? own.status : cell.build.status;
  if (own?.built) return { text: seconds(own.seconds), tone: '' };
  switch (status) {
    case 'succeeded':
      return { text: seconds(own?.seconds), tone: '' };
    case 'running':
      return { text: `running ${elapsed((now - cell.build.createdAt) / 1000)}`, tone: 'run b' };
    case 'failed':
    case 'timed-out':
      return { text: `${status === 'failed' ? 'failed' : 'timed out'} ${own?.seconds ? seconds(own.seconds) : ''}`, tone: 'bad b' };
    case 'infrastructure-failed':
      return { text: 'infrastructure', tone: 'farm b' };
    default:
      return { text: status, tone: 'i3' };
  }
}

function agreement(cell: WallCell): { text: string; tone: string } {
  const own = cell.cell;
  if (!own || own.verdict === 'unverified') return { text: own?.message ?? '', tone: '' };
  switch (own.verdict) {
    case 'reproducible':
      return { text: own.executions > 1 ? `${own.executions}/${own.executions} agree` : 'reproducible', tone: '' };
    case 'unreproducible':
      return { text: own.paths > 0 ? plural(own.paths, 'path') : 'other bytes', tone: 'ne' };
    case 'flaky': {
      const good = cell.points.filter((point) => point.kind !== 'failed').length;
      return { text: `${good} of ${cell.points.length}`, tone: 'flaky' };
    }
    case 'inconclusive':
      return { text: own.hosts === 1 ? '1 host' : 'inconclusive', tone: '' };
    case 'input-drift':
      return { text: 'other inputs', tone: 'drift' };
    default:
      return { text: own.verdict === 'unknown' ? '' : own.verdict, tone: '' };
  }
}

function sayOf(cell: WallCell): string {
  const own = cell.cell;
  return [`#${cell.build.id}`, own?.status ?? cell.build.status, own && own.seconds > 0 ? seconds(own.seconds) : '', own && own.verdict !== 'unverified' ? own.verdict : '', cell.emulated ? 'emulated' : '', own?.reason ?? '', own?.message ?? ''].filter(Boolean).join(' · ');
}

function Cell({ cell, big, now, column }: { cell: WallCell; big: boolean; now: number; column: number }) {
  const own = cell.cell;
  const status = own?.built ? 'succeeded' : own && own.status !== 'unknown' ? own.status : cell.build.status;
  const { text, tone } = statusWords(cell, now);
  const verdict = own?.verdict ?? 'unknown';
  const mark = own && verdict !== 'unverified' && verdict !== 'unknown' ? verdictMark(verdict) : undefined;
  const common = {
    href: to(['builds', cell.build.id]), tabIndex: -1, 'data-cell': column, 'data-at': cell.platform, 'data-say': sayOf(cell), 'data-log': to(['builds', cell.build.id, 'log'], { platform: cell.platform }),
    'data-mark': isFinished(status) && (status !== 'succeeded' || verdict === 'unreproducible' || verdict === 'flaky') ? true : undefined,
    'data-keys': 'Enter opens, L log',
  };
  if (!big) {
    return (
      <a class="cell sm" {...common}>
        <span class="s">
          <Glyph {...statusMark(status)} label={status} /> {text}
        </span>
        <span class="s i3 vg">{mark && <Glyph {...mark} label={verdict} />}</span>
        <Strip points={cell.points} />
      </a>
    );
  }
  const agreed = agreement(cell);
  return (
    <a class="cell" {...common}>
      <span>
        <span class="s">
          <span class={tone}>
            <Glyph {...statusMark(status)} /> {text}
          </span>
        </span>
        <span class="v">
          {mark && <Glyph {...mark} />} <span class={agreed.tone}>{agreed.text}</span>
        </span>
      </span>
      <Strip points={cell.points} />
    </a>
  );
}

function Row({ row, platforms, now }: { row: WallRow; platforms: Wall['platforms']; now: number }) {
  const zone = useZone();
  const big = row.group === 'look';
  const running = !isFinished(row.newest.status);
  return (
    <tr class={big ? 'big' : 'sm'}>
      <td class="nm">
        <a href={to(['builds', row.newest.id])} data-row data-at={row.name} data-say={row.why || `newest build #${row.newest.id} · ${row.newest.status}`}>
          <b>{row.name}</b>
        </a>
        {row.why && <span class="why">{row.why}</span>}
      </td>
      {platforms.map(({ platform }, column) => {
        const cell = row.cells.get(platform);
        return cell ? (
          <td key={platform} data-p={platform}>
            <Cell cell={cell} big={big} now={now} column={column} />
          </td>
        ) : (
          <td key={platform} data-p={platform} class="i3 nb">
            <span>not built</span>
          </td>
        );
      })}
      <td class="r i2 nw wh">
        <time dateTime={new Date(row.at).toISOString()} data-at={row.name} data-say={whole(row.at, zone)}>
          {running ? 'now' : instant(row.at, now, zone)}
        </time>
      </td>
    </tr>
  );
}

const TITLES: Record<WallGroup, [string, string]> = {
  look: ['Needs a look', 'failed, flaky, or other bytes'],
  changed: ['Changed today', 'and well'],
  steady: ['Steady', ''],
};

export function WallGroupBody({ wall, group, now }: { wall: Wall; group: WallGroup; now: number }) {
  const rows = wall.rows[group];
  if (rows.length === 0) return null;
  const [title, note] = TITLES[group];
  const text = group === 'steady' ? plural(rows.length, 'image') : note;
  return (
    <tbody>
      <tr class="grp">
        <th colSpan={wall.platforms.length + 2} scope="rowgroup">
          {title}
          <span>{text}</span>
          {group !== 'look' && (
            <small class="only-n" aria-hidden="true">
              {wall.platforms.map(({ platform }) => (
                <i key={platform}>{shortPlatform(platform)}</i>
              ))}
            </small>
          )}
        </th>
      </tr>
      {rows.map((row) => (
        <Row key={row.name} row={row} platforms={wall.platforms} now={now} />
      ))}
    </tbody>
  );
}

function Key({ kind, text }: { kind: string; text: string }) {
  return (
    <span class="nw">
      <svg class="strip key" width={7} height={22} viewBox="0 4 7 22" aria-hidden="true">
        <path class="base" d="M0 17h7" />
        {kind === 'up' && <rect class="u" x={1} y={7} width={4} height={10} />}
        {kind === 'short' && <rect class="u" x={1} y={14} width={4} height={3} />}
        {kind === 'dot' && <rect class="u n" x={1} y={7} width={4} height={10} />}
        {kind === 'dot' && <circle class="n" cx={3} cy={22} r={1.5} />}
        {kind === 'down' && <rect class="d" x={1} y={17} width={4} height={8} />}
        {kind === 'hollow' && <rect class="x" x={1.5} y={17.5} width={3} height={6} />}
      </svg>
      {text}
    </span>
  );
}

export function WallLegend() {
  return (
    <p class="leg">
      <span>Strips: the last 20 builds, oldest left.</span>
      <Key kind="up" text="up: succeeded, height is time" />
      <Key kind="short" text="short: cached" />
      <Key kind="dot" text="dot: unreproducible" />
      <Key kind="down" text="down: failed" />
      <Key kind="hollow" text="down, hollow: infrastructure" />
    </p>
  );
}
