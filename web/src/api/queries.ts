// What the views ask of the API, each with its key and how often it is asked again.
import { useQuery, useInfiniteQuery } from '@tanstack/preact-query';
import type * as wire from './wire';
import * as decode from './decode';
import { buildPackages, compiled } from './decode_packages';
import { getJson, getText } from './client';
import { roleOf, type Role } from '../model/role';
import type { Build } from '../model/types';

const OFTEN = 5_000;
const SELDOM = 15_000;

export interface BuildPage {
  builds: Build[];
  next: string;
}

async function fetchBuilds(size: number, token: string, signal?: AbortSignal): Promise<BuildPage> {
  const answer = await getJson<wire.ListBuildsResponse>('builds', { page_size: size, page_token: token }, signal);
  return { builds: (answer.builds ?? []).map(decode.build), next: answer.nextPageToken ?? '' };
}

/** The newest builds: the frame's live mark, the wall and new rows come from here. */
export function useNewestBuilds() {
  return useQuery({
    queryKey: ['newest'],
    queryFn: ({ signal }) => fetchBuilds(50, '', signal),
    refetchInterval: OFTEN,
  });
}

/** So far back that twenty builds of most images are among them, and no further. */
const WALL_PAGES = 3;

/** What the wall's strips are made of; what is newer comes with the newest builds. */
export function useWallBuilds() {
  return useQuery({
    queryKey: ['wall'],
    queryFn: async ({ signal }) => {
      const builds: Build[] = [];
      let token = '';
      for (let page = 0; page < WALL_PAGES; page += 1) {
        const answer = await fetchBuilds(200, token, signal);
        builds.push(...answer.builds);
        token = answer.next;
        if (!token) break;
      }
      return builds;
    },
    staleTime: 5 * 60_000,
    refetchInterval: 10 * 60_000,
  });
}

/** More are not counted: the page says so. */
const MOST_COUNTED = 5_000;

export async function fetchBuildsSince(since: number, signal?: AbortSignal): Promise<{ builds: Build[]; more: boolean }> {
  const builds: Build[] = [];
  for (let token = ''; ; ) {
    const answer = await fetchBuilds(200, token, signal);
    builds.push(...answer.builds.filter((build) => build.createdAt >= since));
    const last = answer.builds[answer.builds.length - 1];
    token = answer.next;
    if (!token || !last || last.createdAt < since) return { builds, more: false };
    if (builds.length >= MOST_COUNTED) return { builds, more: true };
  }
}

/** The list of builds, page by page; it stays as it is until it is asked for anew. */
export function useBuildList() {
  return useInfiniteQuery({
    queryKey: ['builds'],
    queryFn: ({ pageParam, signal }) => fetchBuilds(100, pageParam, signal),
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

export function useCompiled() {
  return useQuery({
    queryKey: ['compiled'],
    queryFn: async ({ signal }) => {
      const answer = await getJson<wire.CompiledPackagesResponse>('packages/compiled', { limit: 20 }, signal);
      return { rows: (answer.rows ?? []).map(compiled), seconds: answer.seconds ?? 0 };
    },
  });
}

export function useWorkers() {
  return useQuery({
    queryKey: ['workers'],
    queryFn: async ({ signal }) => {
      const answer = await getJson<wire.ListWorkersResponse>('workers', {}, signal);
      return (answer.workers ?? []).map(decode.worker);
    },
    refetchInterval: OFTEN,
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
