// What the views work with: the API's messages with numbers as numbers, times in milliseconds and words for enums.

export type BuildStatus =
  | 'planning' | 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'infrastructure-failed' | 'timed-out' | 'unknown';
export type StepStatus =
  | 'waiting' | 'running' | 'executed' | 'cached' | 'failed' | 'cancelled' | 'metadata' | 'shared' | 'unknown';
export type Verdict =
  | 'reproducible' | 'unreproducible' | 'unverified' | 'input-drift' | 'flaky' | 'failed' | 'inconclusive' | 'unknown';
export type Outcome =
  | 'wheel' | 'source' | 'source-cached' | 'vcs' | 'local' | 'editable' | 'distro' | 'failed' | 'bypassed' | 'unknown';
export type PathKind = 'only-first' | 'only-second' | 'content' | 'metadata' | 'time' | 'unknown';

export interface Layer {
  digest: string;
  bytes: number;
}

export interface Range {
  file: string;
  first: number;
  last: number;
}

export interface Replica {
  replica: number;
  status: StepStatus;
  worker: string;
  layer?: Layer;
  seconds: number;
  failure: string;
  /** Milliseconds since 1970; 0: not yet, or not told. */
  startedAt: number;
  finishedAt: number;
}

/** What a rule of --normalize did in one execution. */
export interface Normalization {
  rule: string;
  files: number;
  packageFiles: string[];
  variables: string[];
}

export interface Step {
  number: number;
  instruction: string;
  text: string;
  range?: Range;
  status: StepStatus;
  seconds: number;
  layer?: Layer;
  worker: string;
  emulated: boolean;
  /** The accelerator set whose native programs it could use; absent: none. */
  acceleratedBy?: string;
  /** Its worker, or that of a wheel it installed, is not believed any more: nothing else goes on from it. */
  distrusted?: boolean;
  exitCode: number;
  failure: string;
  execution: string;
  key: string;
  replicas: Replica[];
  normalizations: Normalization[];
  /** Of the execution that counts, which may be older than the build. Milliseconds since 1970; 0: not yet, or not told. */
  startedAt: number;
  finishedAt: number;
}

export interface Stage {
  index: number;
  name: string;
  platform: string;
  fromText: string;
  fromRange?: Range;
  steps: Step[];
  bytes: number;
  message: string;
  /** Index into Build.bases, or -1. */
  base: number;
}

export interface Cause {
  class: string;
  confidence: string;
  evidence: string;
  remedy: string;
  remedyLines: string[];
  rule: string;
}

export interface Example {
  inside: string[];
  place: string;
  first: string;
  second: string;
  firstOffset: number;
  secondOffset: number;
}

export interface CauseGroup {
  cause: Cause;
  pathsTotal: number;
  paths: string[];
  derivedTotal: number;
  derived: string[];
  example?: Example;
}

export interface Difference {
  path: string;
  kind: PathKind;
  detail: string;
  firstBytes?: number;
  secondBytes?: number;
}

export interface Witness {
  worker: string;
  host: string;
  hostId: string;
  emulated: boolean;
  layer?: Layer;
  finishedAt: number;
  failure: string;
  execution: string;
  outvoted: boolean;
}

/** What should not depend on the platform, between the platforms of one build. */
export interface Neutral {
  platforms: string[];
  kinds: { kind: string; compared: number; equal: number; notEverywhere: number }[];
  differences: NeutralDifference[];
  differencesTotal: number;
  problem: string;
}

export interface NeutralDifference {
  kind: string;
  /** It differs from the first of the platforms. */
  platform: string;
  difference: Difference;
  example?: Example;
}

export interface InputChange {
  kind: string;
  name: string;
  first: string;
  second: string;
}

export interface StepComparison {
  stage: number;
  stageName: string;
  stepNumber: number;
  range?: Range;
  text: string;
  agrees: boolean;
  witnesses: Witness[];
  differences: Difference[];
  differencesTotal: number;
  reachesImage: boolean;
  causes: CauseGroup[];
  causesProblem: string;
  inputChanges: InputChange[];
}

export interface Comparison {
  verdict: Verdict;
  level: string;
  sameHost: boolean;
  hosts: number;
  executions: number;
  imageDigests: string[];
  steps: StepComparison[];
  reason: string;
  circumstances: string;
}

export interface Cell {
  platform: string;
  status: BuildStatus;
  imageDigest: string;
  imageBytes: number;
  allStagesBytes: number;
  targetStage: number;
  stages: number[];
  emulated: boolean;
  comparison?: Comparison;
  seconds: number;
  message: string;
}

export interface Base {
  reference: string;
  platform: string;
  digest: string;
  bytes: number;
  standIn: boolean;
}

export interface BuildOptions {
  platforms: string[];
  verify: number;
  allowSameHost: boolean;
  noCache: boolean;
  tags: string[];
  timeout: number;
  normalize: string[];
  forbidEmulation: boolean;
}

export interface Build {
  id: number;
  status: BuildStatus;
  createdAt: number;
  finishedAt: number;
  /** When its steps were known; 0: not yet, or not told. */
  plannedAt: number;
  options: BuildOptions;
  bases: Base[];
  stages: Stage[];
  cells: Cell[];
  indexDigest: string;
  message: string;
  dockerfileName: string;
  target: string;
  warnings: string[];
  lastEvent: number;
  aheadOf: number;
  farmVersion: string;
  /** Only of a build of several platforms that ended well. */
  neutral?: Neutral;
  /** Only of one that was submitted with others. */
  place?: MatrixPlace;
}

/** Of a build among those that were submitted together: "PYTHON=3.12, BASE=slim". */
export interface MatrixPlace {
  matrix: number;
  combination: string;
}

/** Builds that were submitted together, one for each combination of values of build arguments. */
export interface Combinations {
  id: number;
  status: BuildStatus;
  verdict: Verdict;
  createdAt: number;
  finishedAt: number;
  platforms: string[];
  builds: Build[];
}

export interface Worker {
  name: string;
  version: string;
  hostId: string;
  host: string;
  kernel: string;
  cpuModel: string;
  cpus: number;
  runtime: string;
  platforms: { platform: string; emulated: boolean }[];
  slots: number;
  slotsByLoad: boolean;
  connected: boolean;
  lastSeen: number;
  slotsUsed: number;
  draining: boolean;
  /** An operator said so. */
  drained: boolean;
  /** An operator said so: it gets tasks of the builds that there were, and of no later ones. */
  cordoned: boolean;
  /** The pool that it is in; empty: none. */
  pool: string;
  /** "key=value", its own word. */
  labels: string[];
  /** Why it gets no new tasks for now; empty: it gets some. */
  unfit: string;
  /** An operator said that nothing of it counts; it is drained, too. */
  distrusted: boolean;
  untrueReports: number;
  tasks: string[];
  outvoted: number;
}

export interface Package {
  platform: string;
  stage: number;
  stageName: string;
  stepNumber: number;
  execution: string;
  name: string;
  version: string;
  outcome: Outcome;
  scope: string;
  tag: string;
  fileName: string;
  /** Unset: not known. */
  seconds?: number;
  failureClass: string;
  failureLine: string;
  remedy: string;
  remedyLines: string[];
  remedyRange?: Range;
  remedyText: string;
  conflict: string;
  emulated: boolean;
  compiledInBuild: number;
  otherWay?: { seconds: number; build: number };
}

export interface PackageChange {
  platform: string;
  name: string;
  kind: string;
  version: string;
  versionBefore: string;
  outcome: Outcome;
  outcomeBefore: Outcome;
  seconds?: number;
  secondsBefore?: number;
  buildBefore: number;
}

export interface BuildPackages {
  rows: Package[];
  changes: PackageChange[];
  earlier: { platform: string; build: number; recipe: string }[];
}

export interface LogLine {
  number: number;
  /** Milliseconds since 1970; 0: not known. */
  time: number;
  text: string;
}

export interface LogPage {
  lines: LogLine[];
  /** Lines so far. */
  total: number;
  /** Offset at which to go on. */
  next: number;
  more: boolean;
  /** Lines may come. */
  running: boolean;
}
