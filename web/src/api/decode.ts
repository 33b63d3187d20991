// From the protobuf JSON mapping to the model. A field that is not there has its default, a word that is not known is
// "unknown": a page that is older than its farm still shows what it can.
import type * as wire from './wire';
import type * as model from '../model/types';

/** BUILD_STATUS_TIMED_OUT becomes "timed-out": the words are those of the terminal. */
export function word<T extends string>(value: string | undefined, prefix: string): T {
  if (!value || !value.startsWith(prefix) || value.endsWith('_UNSPECIFIED')) return 'unknown' as T;
  return value.slice(prefix.length).toLowerCase().replace(/_/g, '-') as T;
}

export function integer(value: string | number | undefined): number {
  const number = Number(value ?? 0);
  return Number.isFinite(number) ? number : 0;
}

/** Unix nanoseconds to milliseconds. */
export function time(value: string | undefined): number {
  return integer(value) / 1e6;
}

const utf8 = new TextDecoder('utf-8', { fatal: false });

/** Paths and pieces of files are bytes; what is no UTF-8 becomes a replacement character. */
export function bytesToText(value: string | undefined): string {
  if (!value) return '';
  try {
    const binary = atob(value.replace(/-/g, '+').replace(/_/g, '/'));
    return utf8.decode(Uint8Array.from(binary, (c) => c.charCodeAt(0)));
  } catch {
    return '';
  }
}

export function platform(value: wire.Platform | undefined): string {
  if (!value) return '';
  return [value.os, value.architecture, value.variant].filter(Boolean).join('/');
}

export function range(value: wire.SourceRange | undefined): model.Range | undefined {
  if (!value) return undefined;
  const first = value.firstLine ?? 0;
  return { file: value.file || 'Dockerfile', first, last: Math.max(first, value.lastLine ?? first) };
}

function layer(value: wire.Layer | undefined): model.Layer | undefined {
  if (!value?.tar) return undefined;
  return { digest: `sha256:${value.tar.hash ?? ''}`, bytes: integer(value.tar.sizeBytes) };
}

function replica(value: wire.ReplicaStep): model.Replica {
  return {
    replica: value.replica ?? 0,
    status: word(value.status, 'STEP_STATUS_'),
    worker: value.worker ?? '',
    layer: layer(value.layer),
    seconds: value.seconds ?? 0,
    failure: value.failure ?? '',
    startedAt: time(value.startedAt),
    finishedAt: time(value.finishedAt),
  };
}

export function step(value: wire.StepView): model.Step {
  return {
    number: value.number ?? 0,
    instruction: value.instruction ?? '',
    text: value.text ?? '',
    range: range(value.range),
    status: word(value.status, 'STEP_STATUS_'),
    seconds: value.seconds ?? 0,
    layer: layer(value.layer),
    worker: value.worker ?? '',
    emulated: value.emulated ?? false,
    acceleratedBy: value.acceleration?.set || undefined,
    distrusted: value.distrusted ?? false,
    exitCode: value.exitCode ?? 0,
    failure: value.failure ?? '',
    execution: value.execution && value.execution !== '0' ? String(value.execution) : '',
    key: value.key ?? '',
    replicas: (value.replicas ?? []).map(replica),
    normalizations: (value.normalizations ?? []).map((one) => ({
      rule: one.rule ?? '',
      files: one.files ?? 0,
      packageFiles: (one.packageFiles ?? []).map(bytesToText),
      variables: one.variables ?? [],
    })),
    startedAt: time(value.startedAt),
    finishedAt: time(value.finishedAt),
  };
}

export function stage(value: wire.StageView): model.Stage {
  return {
    index: value.index ?? 0,
    name: value.name ?? '',
    platform: platform(value.platform),
    fromText: value.fromText ?? '',
    fromRange: range(value.fromRange),
    steps: (value.steps ?? []).map(step),
    bytes: integer(value.sizeBytes),
    message: value.message ?? '',
    base: value.base ?? 0,
  };
}

export function changedInputs(values: readonly wire.InputChange[] | undefined): model.InputChange[] {
  return (values ?? []).map((change) => ({
    kind: word(change.kind, 'KIND_'),
    name: change.name ?? '',
    first: change.first ?? '',
    second: change.second ?? '',
  }));
}

export function neutral(value: wire.NeutralComparison): model.Neutral {
  const platforms = (value.platforms ?? []).map(platform);
  const differences = (value.differences ?? []).map((each) => ({
    kind: each.kind ?? '',
    platform: platforms[each.platform ?? 0] ?? '',
    difference: difference(each.difference ?? {}),
    example: example(each.example),
  }));
  return {
    platforms,
    kinds: (value.kinds ?? []).map((each) => ({
      kind: each.kind ?? '',
      compared: each.compared ?? 0,
      equal: each.equal ?? 0,
      notEverywhere: each.notEverywhere ?? 0,
    })),
    differences,
    differencesTotal: Math.max(value.differencesTotal ?? 0, differences.length),
    problem: value.problem ?? '',
  };
}

function cause(value: wire.Cause | undefined): model.Cause {
  return {
    class: value?.class || 'unknown',
    confidence: word(value?.confidence, 'CONFIDENCE_'),
    evidence: value?.evidence ?? '',
    remedy: value?.remedy ?? '',
    remedyLines: value?.remedyLines ?? [],
    rule: value?.rule ?? '',
  };
}

function example(value: wire.ContentDifference | undefined): model.Example | undefined {
  if (!value) return undefined;
  return {
    inside: value.inside ?? [],
    place: value.place ?? '',
    first: bytesToText(value.first),
    second: bytesToText(value.second),
    firstOffset: integer(value.firstOffset),
    secondOffset: integer(value.secondOffset),
  };
}

function causeGroup(value: wire.CauseGroup): model.CauseGroup {
  const paths = (value.paths ?? []).map(bytesToText);
  const derived = (value.derived ?? []).map(bytesToText);
  return {
    cause: cause(value.cause),
    pathsTotal: value.pathsTotal ?? paths.length,
    paths,
    derivedTotal: value.derivedTotal ?? derived.length,
    derived,
    example: example(value.example),
  };
}

function difference(value: wire.PathDifference): model.Difference {
  return {
    path: bytesToText(value.path),
    kind: word(value.kind, 'KIND_'),
    detail: value.detail ?? '',
    firstBytes: value.first ? integer(value.first.sizeBytes) : undefined,
    secondBytes: value.second ? integer(value.second.sizeBytes) : undefined,
  };
}

function witness(value: wire.Witness): model.Witness {
  return {
    worker: value.worker ?? '',
    host: value.hostName ?? '',
    hostId: value.hostId ?? '',
    emulated: value.emulated ?? false,
    layer: layer(value.layer),
    finishedAt: time(value.finishedAt),
    failure: value.failure ?? '',
    execution: value.execution && value.execution !== '0' ? String(value.execution) : '',
    outvoted: value.outvoted ?? false,
  };
}

export function stepComparison(value: wire.StepComparison): model.StepComparison {
  const differences = (value.differences ?? []).map(difference);
  return {
    stage: value.stage ?? 0,
    stageName: value.stageName ?? '',
    stepNumber: value.stepNumber ?? 0,
    range: range(value.range),
    text: value.text ?? '',
    agrees: value.agrees ?? false,
    witnesses: (value.witnesses ?? []).map(witness),
    differences,
    differencesTotal: Math.max(value.differencesTotal ?? 0, differences.length),
    reachesImage: value.reachesImage ?? false,
    causes: (value.causes ?? []).map(causeGroup),
    causesProblem: value.causesProblem ?? '',
    inputChanges: changedInputs(value.inputChanges),
  };
}

function comparison(value: wire.CellComparison): model.Comparison {
  return {
    verdict: word(value.verdict, 'VERDICT_'),
    level: value.level ?? '',
    sameHost: value.sameHost ?? false,
    hosts: value.hosts ?? 0,
    executions: value.executions ?? 0,
    imageDigests: value.imageDigests ?? [],
    steps: (value.steps ?? []).map(stepComparison),
    reason: value.reason ?? '',
    circumstances: value.circumstances ?? '',
  };
}

export function cell(value: wire.CellView): model.Cell {
  return {
    platform: platform(value.platform),
    status: word(value.status, 'BUILD_STATUS_'),
    imageDigest: value.imageDigest ?? '',
    imageBytes: integer(value.imageBytes),
    allStagesBytes: integer(value.allStagesBytes),
    targetStage: value.targetStage ?? 0,
    stages: value.stages ?? [],
    emulated: value.emulated ?? false,
    comparison: value.comparison && comparison(value.comparison),
    seconds: value.seconds ?? 0,
    message: value.message ?? '',
  };
}

export function base(value: wire.PinnedImage): model.Base {
  return {
    reference: value.reference ?? '',
    platform: platform(value.platform),
    digest: value.manifestDigest ?? '',
    bytes: (value.layers ?? []).reduce((sum, each) => sum + integer(each.tar?.sizeBytes), 0),
    standIn: value.standIn ?? false,
  };
}

export function build(value: wire.BuildView): model.Build {
  const options = value.options ?? {};
  return {
    id: integer(value.id),
    status: word(value.status, 'BUILD_STATUS_'),
    createdAt: time(value.createdAt),
    finishedAt: time(value.finishedAt),
    plannedAt: time(value.plannedAt),
    options: {
      platforms: (options.platforms ?? []).map(platform),
      verify: options.verify ?? 0,
      allowSameHost: options.allowSameHost ?? false,
      noCache: options.noCache ?? false,
      tags: options.tags ?? [],
      timeout: options.timeout ?? 0,
      normalize: options.normalize ?? [],
      forbidEmulation: options.forbidEmulation ?? false,
    },
    bases: (value.bases ?? []).map(base),
    stages: (value.stages ?? []).map(stage),
    cells: (value.cells ?? []).map(cell),
    indexDigest: value.indexDigest ?? '',
    message: value.message ?? '',
    dockerfileName: value.dockerfileName ?? '',
    target: value.target ?? '',
    warnings: value.warnings ?? [],
    lastEvent: integer(value.lastEvent),
    aheadOf: integer(value.aheadOf),
    farmVersion: value.farmVersion ?? '',
    neutral: value.neutral && neutral(value.neutral),
    place: value.matrix && {
      matrix: integer(value.matrix.matrix),
      combination: (value.matrix.combination ?? []).map((each) => `${each.name ?? ''}=${each.value ?? ''}`).join(', '),
    },
  };
}

export function combinations(value: wire.MatrixView): model.Combinations {
  return {
    id: integer(value.id),
    status: word(value.status, 'BUILD_STATUS_'),
    verdict: word(value.verdict, 'VERDICT_'),
    createdAt: time(value.createdAt),
    finishedAt: time(value.finishedAt),
    platforms: (value.platforms ?? []).map(platform),
    builds: (value.builds ?? []).map(build),
  };
}

export function worker(value: wire.WorkerView): model.Worker {
  const info = value.info ?? {};
  return {
    name: info.name ?? '',
    version: info.version ?? '',
    hostId: info.hostId ?? '',
    host: info.hostName ?? '',
    kernel: info.kernel ?? '',
    cpuModel: info.cpuModel ?? '',
    cpus: info.cpus ?? 0,
    runtime: info.runtime ?? '',
    platforms: (info.platforms ?? []).map((each) => ({
      platform: platform(each.platform),
      emulated: each.emulated ?? false,
    })),
    slots: info.slots ?? 0,
    slotsByLoad: info.slotsByLoad ?? false,
    connected: value.connected ?? false,
    lastSeen: time(value.lastSeen),
    slotsUsed: value.slotsUsed ?? 0,
    draining: value.draining ?? false,
    drained: value.drained ?? false,
    cordoned: value.cordoned ?? false,
    pool: info.pool ?? '',
    labels: (info.labels ?? []).map((label) => `${label.key ?? ''}=${label.value ?? ''}`),
    unfit: value.unfit ?? '',
    distrusted: value.distrusted ?? false,
    untrueReports: integer(value.untrueReports),
    tasks: value.tasks ?? [],
    outvoted: integer(value.outvoted),
  };
}
