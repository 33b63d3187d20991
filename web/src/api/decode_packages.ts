// Packages of a build, from the protobuf JSON mapping to the model.
import type * as wire from './wire';
import type * as model from '../model/types';
import { integer, platform, word } from './decode';

/** Less than nothing means that it is not known. */
function known(seconds: number | undefined): number | undefined {
  return seconds === undefined || seconds < 0 ? undefined : seconds;
}

export function packageRow(value: wire.PackageRow): model.Package {
  const outcome = value.package ?? {};
  const place = value.remedyPlace?.range;
  return {
    platform: platform(value.platform),
    stage: value.stage ?? 0,
    stageName: value.stageName ?? '',
    stepNumber: value.stepNumber ?? 0,
    execution: value.execution && value.execution !== '0' ? String(value.execution) : '',
    name: outcome.name ?? '',
    version: outcome.version ?? '',
    outcome: word(outcome.outcome, 'OUTCOME_'),
    scope: outcome.scope ?? '',
    tag: outcome.tag ?? '',
    fileName: outcome.fileName ?? '',
    seconds: known(outcome.seconds ?? 0),
    failureClass: outcome.failureClass ?? '',
    failureLine: outcome.failureLine ?? '',
    remedy: outcome.remedy ?? '',
    remedyLines: outcome.remedyLines ?? [],
    remedyRange: place && {
      file: place.file || 'Dockerfile',
      first: place.firstLine ?? 0,
      last: place.lastLine ?? place.firstLine ?? 0,
    },
    remedyText: value.remedyPlace?.text ?? '',
    conflict: outcome.conflict ?? '',
    emulated: outcome.emulated ?? false,
    compiledInBuild: integer(outcome.compiledInBuild),
    otherWay: value.otherWay && {
      seconds: value.otherWay.seconds ?? 0,
      build: integer(value.otherWay.buildId),
    },
  };
}

export function change(value: wire.PackageChange): model.PackageChange {
  return {
    platform: platform(value.platform),
    name: value.name ?? '',
    kind: word(value.kind, 'KIND_'),
    version: value.version ?? '',
    versionBefore: value.versionBefore ?? '',
    outcome: word(value.outcome, 'OUTCOME_'),
    outcomeBefore: word(value.outcomeBefore, 'OUTCOME_'),
    seconds: known(value.seconds),
    secondsBefore: known(value.secondsBefore),
    buildBefore: integer(value.buildBefore),
  };
}

export function buildPackages(value: wire.ListPackagesResponse): model.BuildPackages {
  return {
    rows: (value.rows ?? []).map(packageRow),
    changes: (value.changes ?? []).map(change),
    earlier: (value.earlier ?? []).map((each) => ({
      platform: platform(each.platform),
      build: integer(each.buildId),
      recipe: each.recipe ?? '',
    })),
  };
}

export interface Compiled {
  name: string;
  version: string;
  platform: string;
  times: number;
  seconds: number;
  emulated: number;
  emulatedSeconds: number;
  failed: number;
  failedSeconds: number;
  lastBuild: number;
  lastFinishedAt: number;
}

export function compiled(value: wire.CompiledPackage): Compiled {
  return {
    name: value.name ?? '',
    version: value.version ?? '',
    platform: platform(value.platform),
    times: integer(value.times),
    seconds: value.seconds ?? 0,
    emulated: integer(value.emulated),
    emulatedSeconds: value.emulatedSeconds ?? 0,
    failed: integer(value.failed),
    failedSeconds: value.failedSeconds ?? 0,
    lastBuild: integer(value.lastBuildId),
    lastFinishedAt: integer(value.lastFinishedAt) / 1e6,
  };
}
