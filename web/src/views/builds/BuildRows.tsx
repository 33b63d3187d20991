import type { Build, Cell } from '../../model/types';
import { buildSeconds, isBuilt, isFinished, nameOf, shortPlatform, verdictOf } from '../../model/build';
import { barWidth } from '../../model/matrix';
import { elapsed, instant, seconds, whole } from '../../format/time';
import { to } from '../../frame/router';
import { useZone } from '../../frame/settings';
import { StatusGlyph, VerdictGlyph } from '../../parts/Glyph';

function PlatformCell({ cell }: { cell?: Cell }) {
  if (!cell) return <td class="i3 nw">–</td>;
  const status = isBuilt(cell) ? 'succeeded' : cell.status;
  const verdict = verdictOf(cell);
  const words = [status, cell.seconds > 0 ? seconds(cell.seconds) : '', verdict, cell.emulated ? 'emulated' : '', cell.comparison?.reason, cell.message].filter(Boolean).join(' · ');
  return (
    <td class="nw" data-p={cell.platform} data-at={cell.platform} data-say={words}>
      <StatusGlyph status={status} alone />
      <span class="pt">{cell.seconds > 0 ? seconds(cell.seconds) : ''}</span>
      {isFinished(cell.status) && cell.comparison && <VerdictGlyph verdict={verdict} alone />}
    </td>
  );
}

/** Beside the name: what there is to say of it now. */
function note(build: Build, now: number): { text: string; tone: string } {
  if (build.status === 'running') {
    const running = build.cells.filter((cell) => cell.status === 'running').length;
    return { text: running > 0 ? `${running} of ${build.cells.length} at work` : 'runs', tone: 'run' };
  }
  if (build.status === 'queued' || build.status === 'planning') return { text: build.message || build.status, tone: 'i3' };
  if (build.status === 'succeeded') return { text: '', tone: '' };
  void now;
  const tone = build.status === 'infrastructure-failed' ? 'farm' : build.status === 'cancelled' ? 'i3' : 'bad';
  return { text: build.message || build.status, tone };
}

function Row({ build, platforms, longest, now }: { build: Build; platforms: readonly string[]; longest: number; now: number }) {
  const zone = useZone();
  const finished = isFinished(build.status);
  const took = buildSeconds(build, now);
  const { text, tone } = note(build, now);
  const when = finished ? build.finishedAt : build.createdAt;
  const say = [build.status, text, finished ? seconds(took) : elapsed(took), `submitted ${whole(build.createdAt, zone)}`].filter(Boolean).join(' · ');
  return (
    <tr>
      <td class="i3 r">{build.id}</td>
      <td class="nw bn">
        <a href={to(['builds', build.id])} data-row data-log={to(['builds', build.id, 'log'])} data-at={`#${build.id} ${nameOf(build)}`} data-say={say} data-keys="Enter opens, L log">
          <StatusGlyph status={build.status} alone />
          <b>{nameOf(build)}</b>
        </a>{' '}
        <span class={`bnote ${tone}`}>{text}</span>
      </td>
      {platforms.map((platform) => (
        <PlatformCell key={platform} cell={build.cells.find((cell) => cell.platform === platform)} />
      ))}
      <td class="r nw">{finished ? seconds(took) : elapsed(took)}</td>
      <td class="hz2 dur">
        <span class="h" style={{ '--w': barWidth(took, longest) }} />
      </td>
      <td class="r i2 nw">
        <time dateTime={new Date(when).toISOString()} data-at={`#${build.id}`} data-say={whole(when, zone)}>
          {finished ? instant(when, now, zone) : 'now'}
        </time>
      </td>
    </tr>
  );
}

export function BuildRows({ builds, platforms, now }: { builds: readonly Build[]; platforms: readonly string[]; now: number }) {
  const longest = Math.max(1, ...builds.filter((build) => isFinished(build.status)).map((build) => buildSeconds(build, now)));
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="builds">
      <table class="bl">
        <caption class="vh">Builds, newest first</caption>
        <thead>
          <tr>
            <th scope="col" class="r">
              build
            </th>
            <th scope="col">image</th>
            {platforms.map((platform) => (
              <th key={platform} scope="col">
                <span class="pf">{shortPlatform(platform)}</span>
              </th>
            ))}
            <th scope="col" class="r">
              time
            </th>
            <th scope="col" class="hz2">
              <span class="vh">bar of its time</span>
            </th>
            <th scope="col" class="r">
              when
            </th>
          </tr>
        </thead>
        <tbody>
          {builds.map((build) => (
            <Row key={build.id} build={build} platforms={platforms} longest={longest} now={now} />
          ))}
        </tbody>
      </table>
    </div>
  );
}
