// The wall's rows and the sums over time as the views have them.
import type * as wire from './wire';
import * as decode from './decode';
import type { Span } from '../model/trends';
import type { RecipeRow } from '../model/wall';

export function recipeRow(value: wire.WallRow): RecipeRow {
  return {
    name: value.name ?? '',
    target: value.target ?? '',
    build: { id: decode.integer(value.buildId), status: decode.word(value.status, 'BUILD_STATUS_'), createdAt: decode.time(value.submittedAt), finishedAt: decode.time(value.finishedAt) },
    message: value.message ?? '',
    changedAt: decode.time(value.changedAt),
    cells: (value.cells ?? []).map((cell) => ({
      platform: decode.platform(cell.platform),
      emulated: cell.emulated ?? false,
      build: decode.integer(cell.buildId),
      newest: {
        status: decode.word(cell.status, 'BUILD_STATUS_'),
        verdict: decode.word(cell.verdict, 'VERDICT_'),
        seconds: cell.seconds ?? 0,
        message: cell.message ?? '',
        reason: cell.reason ?? '',
        hosts: cell.hosts ?? 0,
        executions: cell.executions ?? 0,
        paths: cell.differingPaths ?? 0,
        built: false,
      },
      strip: (cell.stripBuilds ?? []).map((build, i) => ({ build: decode.integer(build), mark: cell.strip?.[i] ?? '', seconds: cell.stripSeconds?.[i] ?? 0 })),
    })),
  };
}

export function span(value: wire.TrendSpan): Span {
  const sums = value.sums ?? {};
  return {
    start: decode.time(value.start),
    builds: decode.integer(sums.builds),
    failed: decode.integer(sums.failed) + decode.integer(sums.timedOut),
    infrastructure: decode.integer(sums.infrastructureFailed),
    waitMedian: value.waitMedian ?? 0,
    wait95: value.wait95 ?? 0,
    platforms: (sums.platforms ?? []).map((each) => ({
      platform: decode.platform(each.platform),
      cells: decode.integer(each.cells),
      emulated: decode.integer(each.cellsEmulated),
      reproducible: decode.integer(each.reproducible),
      verified: decode.integer(each.reproducible) + decode.integer(each.unreproducible) + decode.integer(each.inputDrift) + decode.integer(each.flaky),
      executedSeconds: each.executedSeconds ?? 0,
      compileSeconds: each.compileSeconds ?? 0,
      savedSeconds: each.savedSeconds ?? 0,
    })),
  };
}
