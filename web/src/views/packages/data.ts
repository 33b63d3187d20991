// Packages of one build, or of the newest build of each image.
import { useQueries } from '@tanstack/preact-query';
import type * as wire from '../../api/wire';
import { getJson } from '../../api/client';
import { buildPackages } from '../../api/decode_packages';
import { useBuildView, useNewestBuilds, useRecentBuilds } from '../../api/queries';
import { isFinished, nameOf } from '../../model/build';
import type { Brought } from '../../model/packages';
import type { Build, PackageChange } from '../../model/types';

/** So many images are asked for; each is a request. */
const MOST_IMAGES = 16;

function newestOfEach(builds: readonly Build[]): Build[] {
  const byName = new Map<string, Build>();
  for (const build of builds) {
    if (!isFinished(build.status) || build.aheadOf) continue;
    const known = byName.get(nameOf(build));
    if (!known || known.id < build.id) byName.set(nameOf(build), build);
  }
  return [...byName.values()].sort((a, b) => b.id - a.id).slice(0, MOST_IMAGES);
}

export interface Gathered {
  packages: Brought[];
  changes: (PackageChange & { build: number })[];
  builds: Build[];
  pending: boolean;
  error: Error | null;
  retry: () => void;
}

export function usePackages(id: string | undefined): Gathered {
  const one = useBuildView(id ?? '');
  const wall = useRecentBuilds();
  const newest = useNewestBuilds();
  const builds = id ? (one.data ? [one.data] : []) : newestOfEach([...(newest.data?.builds ?? []), ...(wall.data ?? [])]);
  const answers = useQueries({
    queries: builds.map((build) => ({
      queryKey: ['packages', String(build.id)],
      queryFn: async ({ signal }: { signal: AbortSignal }) => buildPackages(await getJson<wire.ListPackagesResponse>(`builds/${build.id}/packages`, {}, signal)),
      staleTime: Infinity,
    })),
  });
  const packages = answers.flatMap((answer, i) => {
    const build = builds[i] as Build;
    return (answer.data?.rows ?? []).map((row) => ({ ...row, build: build.id, image: nameOf(build) }));
  });
  const changes = answers.flatMap((answer, i) => (answer.data?.changes ?? []).map((change) => ({ ...change, build: (builds[i] as Build).id })));
  const error = (id ? one.error : wall.error) ?? answers.find((answer) => answer.error)?.error ?? null;
  const source = id ? one : wall;
  const pending = (id ? one.isPending : wall.isPending) || answers.some((answer) => answer.isPending);
  return { packages, changes, builds, pending, error, retry: () => void source.refetch() };
}
