// The start page: the newest state of every image by platform; a team keeps it on a screen.
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { useLink } from '../../api/farm_events';
import { useNewestBuilds, useWall } from '../../api/queries';
import { wallOf, isRunning, type Wall } from '../../model/wall';
import { wallSentence } from '../../model/sentence_wall';
import { useNow } from '../../frame/now';
import { useView } from '../../frame/view';
import { gridKeys, keepStop } from '../../frame/keys';
import { usePlace } from '../../frame/router';
import { plural } from '../../format/number';
import { Lede } from '../../parts/Lede';
import { Empty, Failed, Loading } from '../../parts/states';
import { RunningNow } from './RunningNow';
import { WallGroupBody, WallLegend } from './WallTable';

/** On a screen the order changes at most once a minute; elsewhere not while the pointer moves there. */
function useCalm(wall: Wall | undefined, pause: number): Wall | undefined {
  const shown = useRef<{ wall?: Wall; at: number; touched: number }>({ at: 0, touched: 0 });
  useEffect(() => {
    const touch = () => (shown.current.touched = Date.now());
    document.addEventListener('pointermove', touch, { passive: true });
    return () => document.removeEventListener('pointermove', touch);
  }, []);
  const state = shown.current;
  const now = Date.now();
  if (wall && (!state.wall || (now - state.at >= pause && now - state.touched > 2000))) {
    state.wall = wall;
    state.at = now;
  } else if (wall && state.wall) {
    // The rows keep their places, their values follow.
    state.wall = inOrderOf(state.wall, wall);
  }
  return state.wall;
}

function inOrderOf(old: Wall, news: Wall): Wall {
  const byName = new Map([...news.rows.look, ...news.rows.changed, ...news.rows.steady].map((row) => [row.name, row]));
  const keep = (rows: Wall['rows']['look']) => rows.map((row) => byName.get(row.name) ?? row).map((row, i) => ({ ...row, group: rows[i]?.group ?? row.group }));
  return { platforms: old.platforms, rows: { look: keep(old.rows.look), changed: keep(old.rows.changed), steady: keep(old.rows.steady) } };
}

export function WallView() {
  useView('Wall', 'Move over a cell or use the arrow keys: its details stand on this line.');
  const told = useWall();
  const { link } = useLink();
  const newest = useNewestBuilds().data?.builds;
  const screen = usePlace().query.get('screen') === '1';
  const table = useRef<HTMLTableElement>(null);
  const builds = useMemo(() => (newest ?? []).filter(isRunning), [newest]);
  const running = builds.map((build) => build.id).join(' ');
  useEffect(() => {
    // What ran has ended, or the other way round: the rows are others. A farm that is followed says so itself.
    if (told.data && link !== 'live') void told.refetch();
  }, [running]);
  const now = useNow(builds.length > 0);
  const day = new Date(now);
  const midnight = new Date(day.getFullYear(), day.getMonth(), day.getDate()).getTime();
  const fresh = useMemo(() => (told.data ? wallOf(told.data.rows, builds, midnight) : undefined), [told.data, builds, midnight]);
  const wall = useCalm(fresh, screen ? 60_000 : 0);
  useEffect(() => keepStop(table.current));
  if (told.error && !wall) return <Failed error={told.error} what="The wall" retry={() => void told.refetch()} />;
  if (!wall || !told.data) return <Loading rows={16} height={28} />;
  if (told.data.rows.length === 0 && builds.length === 0) {
    return (
      <>
        <Lede sentence={wallSentence(wall)} />
        <Empty command="crossmill build --platform linux/amd64,linux/arm64 .">A folder with a Dockerfile is enough; every image that is built has a row here:</Empty>
      </>
    );
  }
  return (
    <>
      <Lede sentence={wallSentence(wall)} />
      <RunningNow builds={builds} wall={wall} now={now} />
      <table class={`wall p${wall.platforms.length}`} ref={table} onKeyDown={gridKeys}>
        <caption class="vh">Newest state of every image by platform</caption>
        <colgroup>
          <col class="nmc" />
          {wall.platforms.map(({ platform }) => (
            <col key={platform} />
          ))}
          <col class="lastc" />
        </colgroup>
        <thead>
          <tr>
            <th scope="col">image</th>
            {wall.platforms.map(({ platform, emulated }) => (
              <th key={platform} scope="col">
                <span class="pf">
                  {platform} {emulated && <small>emulated</small>}
                </span>
              </th>
            ))}
            <th class="r" scope="col">
              last
            </th>
          </tr>
        </thead>
        <WallGroupBody wall={wall} group="look" now={now} />
        <WallGroupBody wall={wall} group="changed" now={now} />
        <WallGroupBody wall={wall} group="steady" now={now} />
      </table>
      {told.data.more && <p class="leg">{plural(told.data.rows.length, 'recipe')}, and there are more: these changed last.</p>}
      <WallLegend />
    </>
  );
}
