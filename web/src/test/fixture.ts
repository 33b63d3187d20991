// Builds of the made-up farm, decoded as the page has them.
import { build as decodeBuild } from '../api/decode';
import { buildPackages } from '../api/decode_packages';
import type * as wire from '../api/wire';
import type { Build } from '../model/types';
// @ts-expect-error The made-up farm is plain JavaScript.
import { makeFarm } from '../../fixtures/farm.mjs';
// @ts-expect-error The same of its sums.
import { trends as trendsOfFarm, wall as wallOfFarm } from '../../fixtures/overview.mjs';
import { recipeRow, span } from '../api/decode_overview';

export const NOW = Date.UTC(2026, 10, 26, 13, 0, 0);

interface Farm {
  builds: wire.BuildView[];
  full: Map<string, { build: wire.BuildView; events: wire.BuildEvent[]; recipe: string }>;
  packages: (id: string) => wire.ListPackagesResponse;
  workers: wire.WorkerView[];
}

export const farm = makeFarm(NOW) as Farm;

export function entry(id: string) {
  const found = farm.full.get(id);
  if (!found) throw new Error(`no build ${id}`);
  return found;
}

export function build(id: string): Build {
  return decodeBuild(entry(id).build);
}

export function listed(): Build[] {
  return farm.builds.map(decodeBuild);
}

export function recipes(builds: unknown[] = farm.builds) {
  return (wallOfFarm(builds) as { rows: wire.WallRow[] }).rows.map(recipeRow);
}

export function spans(days: number, weekly = false, builds: unknown[] = farm.builds) {
  return (trendsOfFarm(builds, NOW, days, weekly) as { spans: wire.TrendSpan[] }).spans.map(span);
}

export function packagesOf(id: string) {
  return buildPackages(farm.packages(id));
}
