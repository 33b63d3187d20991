// What runs and waits now, on top of the wall.
import { useQuery } from '@tanstack/preact-query';
import type { Build } from '../../model/types';
import type * as wire from '../../api/wire';
import * as decode from '../../api/decode';
import { getJson } from '../../api/client';
import { findSteps, lastNumber, nameOf, stageLabel } from '../../model/build';
import { isRunning, rowNameOf, usualSeconds, type Wall } from '../../model/wall';
import { elapsed } from '../../format/time';
import { to } from '../../frame/router';
import { StatusGlyph } from '../../parts/Glyph';

/** Builds whose steps are asked for: the rest say what the list says. */
const MOST_ASKED = 6;

interface Where {
  text: string;
  platform: string;
  emulated: boolean;
}

function whereIs(build: Build): Where {
  const [first] = findSteps(build, (step) => step.status === 'running');
  if (first) {
    const { stage, step } = first;
    return { text: `${stage.platform} · ${stageLabel(stage)} ${step.number}/${lastNumber(stage)} · ${step.text}`, platform: stage.platform, emulated: step.emulated };
  }
  const waiting = build.cells.find((cell) => cell.status !== 'succeeded');
  return { text: [waiting?.platform ?? build.options.platforms[0] ?? '', build.message || build.status].filter(Boolean).join(' · '), platform: waiting?.platform ?? '', emulated: false };
}

/** How long the platform takes as a rule, from the strip of the image. */
function expected(wall: Wall, name: string, platform: string): number {
  const row = [...wall.rows.look, ...wall.rows.changed, ...wall.rows.steady].find((each) => each.name === name);
  return usualSeconds(row?.cells.get(platform)?.points ?? []);
}

function Row({ build, wall, now, asked }: { build: Build; wall: Wall; now: number; asked: boolean }) {
  const detail = useQuery({
    queryKey: ['now', build.id],
    queryFn: async ({ signal }) => decode.build(await getJson<wire.BuildView>(`builds/${build.id}`, {}, signal)),
    enabled: asked && build.status === 'running',
    // Steps are not among what the farm tells of all builds.
    refetchInterval: 5_000,
    // A view with all its steps; a busy farm has many builds a minute.
    gcTime: 10_000,
  });
  const where = whereIs(detail.data ?? build);
  const ran = Math.max(0, (now - build.createdAt) / 1000);
  const usual = expected(wall, rowNameOf(build), where.platform);
  const share = usual > 0 ? Math.min(0.98, ran / usual) : 0;
  const left = usual > ran ? `about ${elapsed(Math.ceil((usual - ran) / 10) * 10)} left` : usual > 0 ? 'longer than usual' : '';
  return (
    <div>
      <StatusGlyph status={build.status} alone />
      <a class="b" href={to(['builds', build.id])} data-row data-at={`${nameOf(build)} #${build.id}`} data-say={where.text} data-keys="Enter opens">
        {nameOf(build)}
      </a>
      <span class="i3 hn">#{build.id}</span>
      <code>{where.text}</code>
      <span class="i2 r nw">{elapsed(ran)}</span>
      {share > 0 && build.status === 'running' ? (
        <span class={`prog hn${where.emulated ? ' em' : ''}`} role="progressbar" aria-label={`expected progress of ${nameOf(build)}`} aria-valuenow={Math.round(100 * share)} aria-valuemin={0} aria-valuemax={100}>
          <i style={{ width: `${100 * share}%` }} />
        </span>
      ) : (
        <span class="hn" />
      )}
      <span class="i3 r nw hn">{build.status === 'running' ? left : build.status}</span>
    </div>
  );
}

const MOST_SHOWN = 12;

export function RunningNow({ builds, wall, now }: { builds: readonly Build[]; wall: Wall; now: number }) {
  const running = builds.filter(isRunning).sort((a, b) => a.id - b.id);
  if (running.length === 0) return null;
  return (
    <section class="now" aria-label="Running now">
      {running.slice(0, MOST_SHOWN).map((build, i) => (
        <Row key={build.id} build={build} wall={wall} now={now} asked={i < MOST_ASKED} />
      ))}
      {running.length > MOST_SHOWN && (
        <a class="lk nowmore" href={to(['builds'], { q: 'status:running,queued,planning' })}>
          and {running.length - MOST_SHOWN} more
        </a>
      )}
    </section>
  );
}
