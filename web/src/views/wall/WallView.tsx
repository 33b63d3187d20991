// The start page: the newest state of every image by platform; a team keeps it on a screen.
import { useEffect, useMemo, useRef } from 'preact/hooks';
import type { Build } from '../../model/types';
import { useNewestBuilds, useWallBuilds } from '../../api/queries';
import { wallOf, isRunning, type Wall } from '../../model/wall';
import { wallSentence } from '../../model/sentence_wall';
import { useNow } from '../../frame/now';
import { useView } from '../../frame/view';
import { gridKeys, keepStop } from '../../frame/keys';
import { usePlace } from '../../frame/router';
import { Lede } from '../../parts/Lede';
import { Empty, Failed, Loading } from '../../parts/states';
import { RunningNow } from './RunningNow';
import { WallGroupBody, WallLegend } from './WallTable';

function merge(older: readonly Build[], newest: readonly Build[]): Build[] {
  const byId = new Map(older.map((build) => [build.id, build]));
  for (const build of newest) byId.set(build.id, build);
  return [...byId.values()];
}

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
  const older = useWallBuilds();
  const newest = useNewestBuilds();
  const screen = usePlace().query.get('screen') === '1';
  const table = useRef<HTMLTableElement>(null);
  const builds = useMemo(() => merge(older.data ?? [], newest.data?.builds ?? []), [older.data, newest.data]);
  const now = useNow(builds.some(isRunning));
  const day = new Date(now);
  const midnight = new Date(day.getFullYear(), day.getMonth(), day.getDate()).getTime();
  const fresh = useMemo(() => (older.data ? wallOf(builds, midnight) : undefined), [builds, midnight, older.data]);
  const wall = useCalm(fresh, screen ? 60_000 : 0);
  useEffect(() => keepStop(table.current));
  if (older.error && !wall) return <Failed error={older.error} what="The list of builds" retry={() => void older.refetch()} />;
  if (!wall) return <Loading rows={16} height={28} />;
  if (builds.length === 0) {
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
      <WallLegend />
    </>
  );
}
