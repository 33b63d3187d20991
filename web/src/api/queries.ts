// What the views ask of the API, each with its key. What the farm tells of by itself (farm_events.ts) is asked for again
// when it is outdated, and only while the farm tells nothing now and then.
import { useQuery, useInfiniteQuery } from '@tanstack/preact-query';
import type * as wire from './wire';
import * as decode from './decode';
import { buildPackages, compiled } from './decode_packages';
import { recipeRow, span } from './decode_overview';
import { getJson, getText, Problem } from './client';
import { NEWEST, useLink, withWhatWasTold, type BuildPage } from './farm_events';
import { roleOf, type Role } from '../model/role';
import type { RecipeRow } from '../model/wall';

const OFTEN = 5_000;
const SELDOM = 15_000;

/** How often to ask while the farm does not tell by itself. */
function useFallback(pause: number): number | false {
  return useLink().link === 'live' ? false : pause;
}

async function fetchBuilds(size: number, filter: string, token: string, signal?: AbortSignal): Promise<BuildPage> {
  const answer = await getJson<wire.ListBuildsResponse>('builds', { page_size: size, filter, page_token: token }, signal);
  return { builds: (answer.builds ?? []).map(decode.build), next: answer.nextPageToken ?? '' };
}

/** The newest builds: the frame's live mark, what runs and new rows come from here. */
export function useNewestBuilds(filter = '') {
  const fallback = useFallback(OFTEN);
  return useQuery({
    queryKey: ['newest', filter],
    queryFn: async ({ signal }) => {
      const page = await fetchBuilds(NEWEST, filter, '', signal);
      return filter === '' ? withWhatWasTold(page) : page;
    },
    refetchInterval: (query) => (query.state.error instanceof Problem && query.state.error.status === 400 ? false : fallback),
  });
}

/** The newest builds further back, for questions about images. */
export function useRecentBuilds() {
  const fallback = useFallback(10 * 60_000);
  return useQuery({
    queryKey: ['recent'],
    queryFn: async ({ signal }) => (await fetchBuilds(200, '', '', signal)).builds,
    staleTime: 5 * 60_000,
    refetchInterval: fallback,
  });
}

/** A wall with more rows is no wall: the farm gives those first that need a look. */
const WALL_PAGES = 3;

export function useWall() {
  const fallback = useFallback(SELDOM);
  return useQuery({
    queryKey: ['wall'],
    queryFn: async ({ signal }) => {
      const rows: RecipeRow[] = [];
      let token = '';
      for (let page = 0; page < WALL_PAGES; page += 1) {
        const answer = await getJson<wire.ListWallResponse>('wall', { page_size: 200, page_token: token }, signal);
        rows.push(...(answer.rows ?? []).map(recipeRow));
        token = answer.nextPageToken ?? '';
        if (!token) break;
      }
      return { rows, more: token !== '' };
    },
    refetchInterval: fallback,
  });
}

/** Sums of the days of this browser's zone; of UTC where the farm's machine does not know the zone. */
export function useTrends(days: number, weekly: boolean) {
  const fallback = useFallback(5 * 60_000);
  return useQuery({
    queryKey: ['trends', days, weekly],
    queryFn: async ({ signal }) => {
      const ask = (zone: string) => getJson<wire.GetTrendsResponse>('trends', { days, weekly: weekly ? '1' : undefined, zone }, signal);
      const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
      const answer = await ask(zone).catch((error: unknown) => {
        if (error instanceof Problem && error.status === 400) return ask('');
        throw error;
      });
      return (answer.spans ?? []).map(span);
    },
    staleTime: 60_000,
    refetchInterval: fallback,
  });
}

/** The builds that the filter finds, page by page; they stay as they are until they are asked for anew. */
export function useBuildList(filter: string) {
  return useInfiniteQuery({
    queryKey: ['builds', filter],
    queryFn: ({ pageParam, signal }) => fetchBuilds(100, filter, pageParam, signal),
    initialPageParam: '',
    getNextPageParam: (page: BuildPage) => page.next || undefined,
    staleTime: Infinity,
  });
}

export function useBuildView(id: string) {
  return useQuery({
    enabled: id !== '',
    queryKey: ['build', id],
    queryFn: async ({ signal }) => decode.build(await getJson<wire.BuildView>(`builds/${encodeURIComponent(id)}`, {}, signal)),
    staleTime: 60_000,
  });
}

/** Builds that were submitted together; asked again while one of them runs. */
export function useCombinations(id: string) {
  return useQuery({
    queryKey: ['combinations', id],
    queryFn: async ({ signal }) => decode.combinations(await getJson<wire.MatrixView>(`matrices/${encodeURIComponent(id)}`, {}, signal)),
    refetchInterval: (query) => (query.state.data?.status === 'running' ? OFTEN : false),
  });
}

export function useRecipe(id: string) {
  return useQuery({
    queryKey: ['recipe', id],
    queryFn: ({ signal }) => getText(`builds/${encodeURIComponent(id)}/recipe`, signal),
    staleTime: Infinity,
  });
}

export function useBuildPackages(id: string, running = false) {
  return useQuery({
    queryKey: ['packages', id],
    queryFn: async ({ signal }) =>
      buildPackages(await getJson<wire.ListPackagesResponse>(`builds/${encodeURIComponent(id)}/packages`, {}, signal)),
    enabled: id !== '',
    refetchInterval: running ? SELDOM : false,
  });
}

/** So that the question stays one, however long the farm has been there. */
export const COMPILED_DAYS = 90;

export function useCompiled() {
  return useQuery({
    queryKey: ['compiled'],
    queryFn: async ({ signal }) => {
      const answer = await getJson<wire.CompiledPackagesResponse>('packages/compiled', { limit: 20, since: `${Date.now() - COMPILED_DAYS * 86_400_000}000000` }, signal);
      return { rows: (answer.rows ?? []).map(compiled), seconds: answer.seconds ?? 0 };
    },
  });
}

export function useWorkers() {
  const fallback = useFallback(OFTEN);
  return useQuery({
    queryKey: ['workers'],
    queryFn: async ({ signal }) => {
      const answer = await getJson<wire.ListWorkersResponse>('workers', {}, signal);
      return (answer.workers ?? []).map(decode.worker);
    },
    refetchInterval: fallback,
  });
}

/** What this session may do; nothing until the farm has said so. */
export function useRole(): Role | undefined {
  const query = useQuery({
    queryKey: ['session'],
    queryFn: async ({ signal }) => roleOf(await getJson<wire.GetCallerResponse>('session', {}, signal)),
    staleTime: 5 * 60_000,
  });
  return query.data;
}

export function useVersion() {
  return useQuery({
    queryKey: ['version'],
    queryFn: ({ signal }) => getJson<wire.GetVersionResponse>('version', {}, signal),
    staleTime: Infinity,
  });
}
