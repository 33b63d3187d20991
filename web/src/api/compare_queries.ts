// Questions about two builds beside each other, and which builds of a recipe there are.
import { useQuery } from '@tanstack/preact-query';
import type * as wire from './wire';
import * as decode from './decode';
import { change } from './decode_packages';
import { getJson } from './client';
import type { BaseChange, BuildPair, Changes, PlatformPair, StepSpot } from '../model/pair';
import type { Verdict } from '../model/types';

function spot(value: wire.StepPlace | undefined): StepSpot | undefined {
  if (!value) return undefined;
  return { stage: value.stage ?? 0, stageName: value.stageName ?? '', number: value.stepNumber ?? 0, range: decode.range(value.range), text: value.text ?? '' };
}

function baseChanges(values: wire.BuildChanges['bases']): BaseChange[] {
  return (values ?? []).map((each) => ({ reference: each.reference ?? '', before: each.before ?? '', now: each.now ?? '' }));
}

function changes(value: wire.BuildChanges): Changes {
  const lines = (value.lines ?? []).map((line) => ({ before: line.before ?? 0, now: line.now ?? 0, text: line.text ?? '' }));
  const context = (value.context ?? []).map((each) => ({ path: each.path ?? '', kind: decode.word<string>(each.kind, 'KIND_') }));
  return {
    bases: baseChanges(value.bases),
    sources: baseChanges(value.remoteSources),
    lines,
    linesTotal: Math.max(value.linesTotal ?? 0, lines.length),
    context,
    contextTotal: Math.max(value.contextTotal ?? 0, context.length),
    contextProblem: value.contextProblem ?? '',
    packages: (value.packages ?? []).map(change),
    arguments: value.arguments ?? [],
    others: value.others ?? [],
  };
}

export function platformPair(value: wire.PlatformPair): PlatformPair {
  const { comparison } = value;
  const after = comparison?.afterDifference ?? [];
  return {
    platform: decode.platform(value.platform),
    inFirst: value.inFirst ?? false,
    inSecond: value.inSecond ?? false,
    result: decode.word(comparison?.result, 'RESULT_'),
    reason: comparison?.reason ?? '',
    levels: (comparison?.levels ?? []).map((each) => ({
      level: each.level ?? '',
      equal: each.equal ?? false,
      first: each.then ?? '',
      second: each.now ?? '',
      layers: each.layers ?? 0,
      equalLayers: each.equalLayers ?? 0,
      problem: each.problem ?? '',
    })),
    steps: (value.steps ?? []).map((step) => ({
      state: decode.word(step.state, 'STATE_'),
      first: spot(step.first),
      second: spot(step.second),
      sameKey: step.sameKey ?? false,
      compared: step.compared ?? -1,
      onOtherLayers: step.compared !== undefined && after.includes(step.compared),
    })),
    compared: (comparison?.comparison?.steps ?? []).map(decode.stepComparison),
    divergence: value.divergence ?? -1,
    divergenceReason: value.divergenceReason ?? '',
    changes: value.changes && changes(value.changes),
    problem: value.problem ?? '',
  };
}

interface CompareAnswer {
  items?: wire.CompareBuildsResponse[];
}

/** Both have ended, so the answer stays. */
export function useBuildPair(first: string, second: string) {
  return useQuery({
    queryKey: ['pair', first, second],
    queryFn: async ({ signal }): Promise<BuildPair> => {
      const answer = await getJson<CompareAnswer>(`builds/${encodeURIComponent(first)}/compare/${encodeURIComponent(second)}`, {}, signal);
      const items = answer.items ?? [];
      return {
        first: decode.integer(items[0]?.first ?? first),
        second: decode.integer(items[0]?.second ?? second),
        platforms: items.flatMap((item) => (item.platform ? [platformPair(item.platform)] : [])),
      };
    },
    staleTime: Infinity,
  });
}

export interface EarlierBuild {
  build: number;
  submittedAt: number;
  cells: { platform: string; status: string; verdict: Verdict }[];
}

/** The builds of a build's recipe that have ended, newest first. */
export function useRecipeBuilds(id: string) {
  return useQuery({
    queryKey: ['recipe-builds', id],
    queryFn: async ({ signal }) => {
      const answer = await getJson<wire.BuildHistoryResponse>('history', { build_id: id, limit: 200 }, signal);
      const builds = new Map<number, EarlierBuild>();
      for (const row of answer.rows ?? []) {
        const build = decode.integer(row.buildId);
        const known = builds.get(build) ?? { build, submittedAt: decode.time(row.submittedAt), cells: [] };
        known.cells.push({ platform: decode.platform(row.platform), status: decode.word(row.status, 'BUILD_STATUS_'), verdict: decode.word(row.verdict, 'VERDICT_') });
        builds.set(build, known);
      }
      return [...builds.values()];
    },
  });
}
