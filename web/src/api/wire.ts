// Draft of what the OpenAPI file will say, in the same shape.

export interface Digest {
  hash?: string;
  sizeBytes?: string;
}

export type BuildStatus =
  | 'BUILD_STATUS_UNSPECIFIED'
  | 'BUILD_STATUS_PLANNING'
  | 'BUILD_STATUS_QUEUED'
  | 'BUILD_STATUS_RUNNING'
  | 'BUILD_STATUS_SUCCEEDED'
  | 'BUILD_STATUS_FAILED'
  | 'BUILD_STATUS_CANCELLED'
  | 'BUILD_STATUS_INFRASTRUCTURE_FAILED'
  | 'BUILD_STATUS_TIMED_OUT';

export type StepStatus =
  | 'STEP_STATUS_UNSPECIFIED'
  | 'STEP_STATUS_WAITING'
  | 'STEP_STATUS_RUNNING'
  | 'STEP_STATUS_EXECUTED'
  | 'STEP_STATUS_CACHED'
  | 'STEP_STATUS_FAILED'
  | 'STEP_STATUS_CANCELLED'
  | 'STEP_STATUS_METADATA'
  | 'STEP_STATUS_SHARED';

export type Compression =
  | 'COMPRESSION_UNSPECIFIED'
  | 'COMPRESSION_GZIP'
  | 'COMPRESSION_ZSTD';

export type CauseConfidence =
  | 'CONFIDENCE_UNSPECIFIED'
  | 'CONFIDENCE_CERTAIN'
  | 'CONFIDENCE_LIKELY'
  | 'CONFIDENCE_POSSIBLE';

export type PackageChangeKind =
  | 'KIND_UNSPECIFIED'
  | 'KIND_NEW'
  | 'KIND_GONE'
  | 'KIND_VERSION'
  | 'KIND_NO_LONGER_WHEEL'
  | 'KIND_NOW_WHEEL'
  | 'KIND_OUTCOME'
  | 'KIND_SLOWER';

export type CompiledPackagesRequestOrder =
  | 'ORDER_COST'
  | 'ORDER_COUNT'
  | 'ORDER_NAME'
  | 'ORDER_LAST';

export type NetworkMode =
  | 'NETWORK_MODE_UNSPECIFIED'
  | 'NETWORK_MODE_NONE'
  | 'NETWORK_MODE_HOST'
  | 'NETWORK_MODE_RECORDED';

export type RunMountType =
  | 'TYPE_UNSPECIFIED'
  | 'TYPE_BIND'
  | 'TYPE_CACHE'
  | 'TYPE_TMPFS'
  | 'TYPE_SECRET'
  | 'TYPE_SSH'
  | 'BIND'
  | 'CACHE'
  | 'TMPFS'
  | 'SECRET'
  | 'SSH';

export type RunMountSharing =
  | 'SHARING_SHARED'
  | 'SHARING_PRIVATE'
  | 'SHARING_LOCKED'
  | 'SHARED'
  | 'PRIVATE'
  | 'LOCKED';

export type Aspect =
  | 'ASPECT_UNSPECIFIED'
  | 'ASPECT_CLOCK'
  | 'ASPECT_HOST_NAME'
  | 'ASPECT_PROCESSORS'
  | 'ASPECT_FILE_ORDER'
  | 'ASPECT_PROCESS_IDS'
  | 'ASPECT_KERNEL'
  | 'ASPECT_CPU_MODEL';

export type Certainty =
  | 'CERTAINTY_UNSPECIFIED'
  | 'CERTAINTY_CERTAIN'
  | 'CERTAINTY_DOUBTFUL';

export type PredictionDifferenceKind =
  | 'KIND_UNSPECIFIED'
  | 'KIND_VERSION'
  | 'KIND_OUTCOME'
  | 'KIND_FILE'
  | 'KIND_MISSING'
  | 'KIND_UNEXPECTED';

export type Verdict =
  | 'VERDICT_UNSPECIFIED'
  | 'VERDICT_REPRODUCIBLE'
  | 'VERDICT_UNREPRODUCIBLE'
  | 'VERDICT_UNVERIFIED'
  | 'VERDICT_INPUT_DRIFT'
  | 'VERDICT_FLAKY'
  | 'VERDICT_FAILED'
  | 'VERDICT_INCONCLUSIVE';

export type Outcome =
  | 'OUTCOME_UNSPECIFIED'
  | 'OUTCOME_WHEEL'
  | 'OUTCOME_SOURCE'
  | 'OUTCOME_SOURCE_CACHED'
  | 'OUTCOME_VCS'
  | 'OUTCOME_LOCAL'
  | 'OUTCOME_EDITABLE'
  | 'OUTCOME_DISTRO'
  | 'OUTCOME_FAILED'
  | 'OUTCOME_BYPASSED'
  | 'OUTCOME_UNKNOWN';

export type PathDifferenceKind =
  | 'KIND_UNSPECIFIED'
  | 'KIND_ONLY_FIRST'
  | 'KIND_ONLY_SECOND'
  | 'KIND_CONTENT'
  | 'KIND_METADATA'
  | 'KIND_TIME';

export type InputChangeKind =
  | 'KIND_UNSPECIFIED'
  | 'KIND_FETCH'
  | 'KIND_PACKAGE';

export type DistInfoForm =
  | 'FORM_DIST_INFO'
  | 'FORM_EGG_INFO'
  | 'FORM_EGG_LINK';

export type DistInfoPlace =
  | 'PLACE_FOLDER'
  | 'PLACE_INTERPRETER'
  | 'PLACE_VIRTUAL_ENVIRONMENT'
  | 'PLACE_USER_SITE'
  | 'PLACE_PREFIX'
  | 'PLACE_OTHER_ROOT'
  | 'PLACE_INSTALLER';

export type WheelFileOrigin =
  | 'ORIGIN_UNKNOWN'
  | 'ORIGIN_BUILT'
  | 'ORIGIN_FETCHED';

export type FetchKind =
  | 'KIND_UNSPECIFIED'
  | 'KIND_HTTP'
  | 'KIND_TUNNEL'
  | 'KIND_INDEX';

export type TaskOutcome =
  | 'TASK_OUTCOME_UNSPECIFIED'
  | 'TASK_OUTCOME_SUCCEEDED'
  | 'TASK_OUTCOME_FAILED'
  | 'TASK_OUTCOME_INFRASTRUCTURE'
  | 'TASK_OUTCOME_CANCELLED';

export type LogChunkStream =
  | 'STREAM_STDOUT'
  | 'STREAM_STDERR'
  | 'STREAM_WORKER';

export interface BuildOptions {
  platforms?: Platform[];
  verify?: number;
  allowSameHost?: boolean;
  noCache?: boolean;
  network?: NetworkMode;
  sourceDateEpoch?: string;
  keepTimes?: boolean;
  tags?: string[];
  timeout?: number;
  stepTimeout?: number;
  forbidEmulation?: boolean;
  labels?: BuildArgument[];
  annotations?: BuildArgument[];
  compression?: Compression;
  compressionLevel?: number;
  extraHosts?: string[];
  shmSize?: string;
  ulimits?: Ulimit[];
  noCacheStages?: string[];
  pull?: boolean;
  secretIds?: string[];
  sshIds?: string[];
  offline?: boolean;
  excludeNewer?: string;
  noCompileAhead?: boolean;
  noWheelCache?: boolean;
  vary?: Vary;
  normalize?: string[];
}

export interface Vary {
  aspects?: Aspect[];
}

export interface BuildSubmission {
  recipe?: Recipe;
  options?: BuildOptions;
  wheels?: WheelsSubmission;
}

export interface WheelsSubmission {
  aheadOf?: string;
  place?: string;
  platform?: Platform;
  root?: Layer[];
  compilations?: WheelCompilation[];
  epoch?: string;
  strictEpoch?: boolean;
  keepTimes?: boolean;
}

export interface WheelCompilation {
  project?: string;
  version?: string;
  sourceFile?: string;
  source?: Digest;
  run?: Run;
  key?: string;
}

export interface BuildDependency {
  name?: string;
  fileName?: string;
  sha256?: string;
}

export interface BuildDependencies {
  files?: BuildDependency[];
}

export interface ReplicaStep {
  replica?: number;
  status?: StepStatus;
  worker?: string;
  layer?: Layer;
  seconds?: number;
  exitCode?: number;
  failure?: string;
}

export interface StepView {
  number?: number;
  instruction?: string;
  text?: string;
  range?: SourceRange;
  status?: StepStatus;
  seconds?: number;
  layer?: Layer;
  contentBytes?: string;
  worker?: string;
  emulated?: boolean;
  exitCode?: number;
  failure?: string;
  execution?: string;
  key?: string;
  replicas?: ReplicaStep[];
  normalizations?: Normalization[];
}

export interface StageView {
  index?: number;
  name?: string;
  platform?: Platform;
  fromText?: string;
  fromRange?: SourceRange;
  steps?: StepView[];
  sizeBytes?: string;
  message?: string;
  base?: number;
}

export interface CellView {
  platform?: Platform;
  status?: BuildStatus;
  imageDigest?: string;
  imageBytes?: string;
  allStagesBytes?: string;
  targetStage?: number;
  stages?: number[];
  emulated?: boolean;
  comparison?: CellComparison;
  seconds?: number;
  message?: string;
  imageManifest?: Digest;
}

export interface BuildView {
  id?: string;
  status?: BuildStatus;
  createdAt?: string;
  finishedAt?: string;
  options?: BuildOptions;
  bases?: PinnedImage[];
  stages?: StageView[];
  cells?: CellView[];
  indexDigest?: string;
  message?: string;
  dockerfileName?: string;
  target?: string;
  epoch?: string;
  warnings?: string[];
  lastEvent?: string;
  remoteSources?: RemoteSource[];
  aheadOf?: string;
  farmVersion?: string;
}

export interface BuildEventStatusChanged {
  status?: BuildStatus;
  message?: string;
  indexDigest?: string;
}

export interface BuildEventBasePinned {
  reference?: string;
  platform?: Platform;
  manifestDigest?: string;
  standIn?: boolean;
}

export interface BuildEventPlanned {
  stages?: StageView[];
  cells?: CellPlan[];
  epoch?: string;
}

export interface BuildEventStepChanged {
  stage?: number;
  replica?: number;
  step?: StepView;
}

export interface BuildEventStageChanged {
  stage?: number;
  sizeBytes?: string;
  message?: string;
}

export interface BuildEventCellChanged {
  cell?: CellView;
}

export interface BuildEventNotice {
  warning?: boolean;
  text?: string;
}

export interface BuildEvent {
  number?: string;
  time?: string;
  statusChanged?: BuildEventStatusChanged;
  basePinned?: BuildEventBasePinned;
  planned?: BuildEventPlanned;
  stepChanged?: BuildEventStepChanged;
  cellChanged?: BuildEventCellChanged;
  notice?: BuildEventNotice;
  stageChanged?: BuildEventStageChanged;
  remoteFetched?: RemoteSource;
}

export interface SubmitBuildRequest {
  submission?: BuildSubmission;
  idempotencyKey?: string;
  secrets?: Secret[];
}

export interface SubmitBuildResponse {
  buildId?: string;
  existing?: boolean;
}

export interface WatchBuildRequest {
  buildId?: string;
  fromEvent?: string;
  logs?: boolean;
}

export interface WatchedLog {
  execution?: string;
  stage?: number;
  replica?: number;
  offset?: string;
  chunk?: LogChunk;
}

export interface PlanningProgress {
  what?: string;
  doneBytes?: string;
  totalBytes?: string;
}

export interface WatchBuildResponse {
  event?: BuildEvent;
  log?: WatchedLog;
  progress?: PlanningProgress;
}

export interface AttachRequest {
  buildId?: string;
  secrets?: Secret[];
  sshIds?: string[];
  channel?: string;
  data?: string;
  end?: boolean;
}

export interface AttachResponse {
  channel?: string;
  sshId?: string;
  data?: string;
  end?: boolean;
}

export interface GetSubmissionRequest {
  buildId?: string;
}

export interface GetBuildRequest {
  buildId?: string;
}

export interface ListBuildsRequest {
  pageSize?: number;
  pageToken?: string;
}

export interface ListBuildsResponse {
  builds?: BuildView[];
  nextPageToken?: string;
}

export interface CancelBuildRequest {
  buildId?: string;
  timedOut?: boolean;
}

export interface CancelBuildResponse {
}

export interface ReadLogRequest {
  execution?: string;
  follow?: boolean;
}

export interface ReadLogResponse {
  chunk?: LogChunk;
}

export interface ListPackagesRequest {
  buildId?: string;
}

export interface PackageRow {
  platform?: Platform;
  stage?: number;
  stageName?: string;
  stepNumber?: number;
  package?: PackageOutcome;
  execution?: string;
  otherWay?: OtherWay;
  remedyPlace?: RemedyPlace;
}

export interface ListPackagesResponse {
  rows?: PackageRow[];
  earlier?: EarlierBuild[];
  changes?: PackageChange[];
}

export interface ListFetchesRequest {
  buildId?: string;
  hostsOnly?: boolean;
  pageToken?: string;
}

export interface FetchRow {
  platform?: Platform;
  stage?: number;
  stageName?: string;
  stepNumber?: number;
  execution?: string;
  fetch?: Fetch;
}

export interface FetchHostRow {
  platform?: Platform;
  stage?: number;
  stageName?: string;
  stepNumber?: number;
  execution?: string;
  host?: HostFetches;
}

export interface ListFetchesResponse {
  rows?: FetchRow[];
  nextPageToken?: string;
  hosts?: FetchHostRow[];
}

export interface ImageView {
  name?: string;
  digest?: string;
  platforms?: Platform[];
  createdAt?: string;
  standIn?: boolean;
  sizeBytes?: string;
  origin?: string;
  buildId?: string;
}

export interface RegistryCredentials {
  registry?: string;
  username?: string;
  password?: string;
  identityToken?: string;
}

export interface ImportImageRequest {
  name?: string;
  root?: Digest;
  standIn?: boolean;
}

export interface ListImagesRequest {
}

export interface ListImagesResponse {
  images?: ImageView[];
}

export interface PullImageRequest {
  reference?: string;
  platforms?: Platform[];
  credentials?: RegistryCredentials[];
}

export interface PullProgress {
  digest?: string;
  doneBytes?: string;
  totalBytes?: string;
  image?: ImageView;
}

export interface GetImageRequest {
  name?: string;
}

export interface GetImageResponse {
  image?: ImageView;
  root?: Digest;
  unpacked?: UnpackedImage[];
}

export interface UnpackedImage {
  manifestDigest?: string;
  layers?: Digest[];
}

export interface RemoveImageRequest {
  names?: string[];
}

export interface RemoveImageResponse {
  removed?: ImageView[];
}

export interface PushImageRequest {
  name?: string;
  reference?: string;
  platforms?: Platform[];
  credentials?: RegistryCredentials[];
  attest?: boolean;
}

export interface PushProgress {
  digest?: string;
  doneBytes?: string;
  totalBytes?: string;
  existed?: boolean;
  pushedDigest?: string;
  attestationDigests?: string[];
}

export interface FarmWheelView {
  id?: string;
  wheel?: FarmWheel;
  sourceFile?: string;
  platform?: string;
  buildDependencies?: BuildDependencies;
  compiledAt?: string;
  uses?: string;
  usedAt?: string;
}

export interface ListFarmWheelsRequest {
  project?: string;
  limit?: number;
}

export interface ListFarmWheelsResponse {
  wheels?: FarmWheelView[];
  more?: boolean;
}

export interface RemoveFarmWheelsRequest {
  ids?: string[];
}

export interface RemoveFarmWheelsResponse {
  removed?: FarmWheelView[];
}

export interface ListStatementsRequest {
  buildId?: string;
}

export interface EvidenceFile {
  name?: string;
  kind?: string;
  platform?: Platform;
  content?: string;
  subject?: string;
  keyId?: string;
  keyHolder?: string;
  about?: string;
}

export interface WorkerView {
  info?: WorkerInfo;
  connected?: boolean;
  lastSeen?: string;
  slotsUsed?: number;
  draining?: boolean;
  tasks?: string[];
  outvoted?: string;
}

export interface ListWorkersRequest {
}

export interface ListWorkersResponse {
  workers?: WorkerView[];
}

export interface GetVersionRequest {
}

export interface GetVersionResponse {
  version?: string;
  now?: string;
  dataFolder?: string;
}

export interface Cause {
  class?: string;
  confidence?: CauseConfidence;
  evidence?: string;
  remedy?: string;
  remedyLines?: string[];
  rule?: string;
}

export interface ContentDifference {
  inside?: string[];
  place?: string;
  first?: string;
  second?: string;
  firstOffset?: string;
  secondOffset?: string;
  derived?: boolean;
  cause?: Cause;
}

export interface FileDifference {
  path?: string;
  format?: string;
  differences?: ContentDifference[];
  incomplete?: boolean;
}

export interface CauseGroup {
  cause?: Cause;
  pathsTotal?: number;
  paths?: string[];
  derivedTotal?: number;
  derived?: string[];
  example?: ContentDifference;
  witness?: number;
}

export interface LocalRequestFilePart {
  offset?: string;
  size?: string;
}

export interface LocalRequest {
  ticket?: string;
  begin?: Digest;
  data?: string;
  filePart?: LocalRequestFilePart;
  blob?: Digest;
  commit?: boolean;
  open?: Digest;
}

export interface LocalResponse {
  status?: unknown;
  digest?: Digest;
}

export interface InviteRequest {
  bootId?: string;
}

export interface InviteResponse {
  socket?: string;
  ticket?: string;
}

export interface OtherWay {
  seconds?: number;
  buildId?: string;
  execution?: string;
}

export interface EarlierBuild {
  platform?: Platform;
  buildId?: string;
  finishedAt?: string;
  otherArguments?: boolean;
  recipe?: string;
}

export interface PackageChange {
  platform?: Platform;
  name?: string;
  scope?: string;
  kind?: PackageChangeKind;
  version?: string;
  versionBefore?: string;
  outcome?: Outcome;
  outcomeBefore?: Outcome;
  seconds?: number;
  secondsBefore?: number;
  buildBefore?: string;
}

export interface PackageHistoryRequest {
  name?: string;
  platform?: Platform;
  since?: string;
  limit?: number;
}

export interface PackageHistoryRow {
  finishedAt?: string;
  buildId?: string;
  platform?: Platform;
  stage?: number;
  stepNumber?: number;
  replica?: number;
  worker?: string;
  execution?: string;
  package?: PackageOutcome;
  otherWay?: OtherWay;
}

export interface PackageHistoryResponse {
  rows?: PackageHistoryRow[];
  more?: boolean;
}

export interface CompiledPackagesRequest {
  platform?: Platform;
  since?: string;
  order?: CompiledPackagesRequestOrder;
  limit?: number;
}

export interface CompiledPackage {
  name?: string;
  version?: string;
  platform?: Platform;
  times?: string;
  timed?: string;
  seconds?: number;
  emulated?: string;
  emulatedSeconds?: number;
  emulatedTimed?: string;
  replicas?: string;
  buildDependencies?: string;
  failed?: string;
  failedSeconds?: number;
  lastFinishedAt?: string;
  lastBuildId?: string;
}

export interface CompiledPackagesResponse {
  rows?: CompiledPackage[];
  more?: boolean;
  releases?: string;
  times?: string;
  seconds?: number;
  failed?: string;
  failedSeconds?: number;
}

export interface PackageUsesRequest {
  requirement?: string;
  platform?: Platform;
  since?: string;
  limit?: number;
}

export interface PackageUse {
  buildId?: string;
  status?: BuildStatus;
  submittedAt?: string;
  finishedAt?: string;
  recipe?: string;
  platform?: Platform;
  stage?: number;
  stageName?: string;
  stepNumber?: number;
  execution?: string;
  executedBy?: string;
  package?: PackageOutcome;
}

export interface PackageUsesResponse {
  rows?: PackageUse[];
  more?: boolean;
}

export interface Platform {
  os?: string;
  architecture?: string;
  variant?: string;
}

export interface SourceRange {
  file?: string;
  firstLine?: number;
  lastLine?: number;
  column?: number;
}

export interface BuildArgument {
  name?: string;
  value?: string;
}

export interface Recipe {
  dockerfile?: string;
  dockerfileName?: string;
  ignoreFile?: string;
  ignoreFileName?: string;
  contextRoot?: Digest;
  buildArguments?: BuildArgument[];
  target?: string;
  contexts?: NamedContext[];
  contextTime?: string;
  contextOrigin?: string;
}

export interface NamedContext {
  name?: string;
  tree?: Digest;
  image?: string;
  imageRoot?: Digest;
  origin?: string;
  ignoreFile?: string;
  ignoreFileName?: string;
  time?: string;
}

export interface Layer {
  tar?: Digest;
  manifest?: Digest;
}

export interface PinnedImage {
  reference?: string;
  platform?: Platform;
  manifestDigest?: string;
  config?: string;
  layers?: Layer[];
  newestTime?: string;
  standIn?: boolean;
}

export interface InlineFile {
  name?: string;
  content?: string;
  mode?: number;
}

export interface ContextMatch {
  name?: string;
  path?: string;
  file?: Digest;
  directory?: Digest;
  symlinkTarget?: string;
  unixMode?: number;
  mtime?: string;
  parentModes?: number[];
}

export interface Export {
  pattern?: string;
  parents?: boolean;
  excludes?: string[];
}

export interface ExportSource {
  stage?: number;
  export?: Export;
  blob?: Digest;
}

export interface CopySource {
  text?: string;
  contextPattern?: ContextPattern;
  context?: ContextMatches;
  export?: ExportSource;
  inlineFile?: InlineFile;
  remoteFile?: RemoteFile;
  remoteGit?: RemoteGit;
  extract?: boolean;
}

export interface ContextPattern {
  pattern?: string;
  parents?: boolean;
  excludes?: string[];
  context?: string;
}

export interface RemoteFile {
  url?: string;
  checksum?: string;
}

export interface RemoteGit {
  url?: string;
  checksum?: string;
  keepGitDir?: boolean;
  excludes?: string[];
}

export interface RemoteSource {
  url?: string;
  digest?: string;
  commit?: string;
  bytes?: string;
  cached?: boolean;
  range?: SourceRange;
}

export interface ContextMatches {
  matches?: ContextMatch[];
}

export interface RunMount {
  type?: RunMountType;
  target?: string;
  readOnly?: boolean;
  source?: CopySource;
  id?: string;
  sharing?: RunMountSharing;
  size?: string;
  required?: boolean;
  env?: string;
  mode?: number;
  uid?: number;
  gid?: number;
  cachePath?: string;
}

export interface Ulimit {
  name?: string;
  soft?: string;
  hard?: string;
}

export interface FarmWheel {
  project?: string;
  version?: string;
  fileName?: string;
  file?: Digest;
  sourceSha256?: string;
  build?: string;
  execution?: string;
  seconds?: number;
  emulated?: boolean;
}

export interface Run {
  argv?: string[];
  env?: string[];
  cwd?: string;
  user?: string;
  network?: NetworkMode;
  files?: InlineFile[];
  proxyEnv?: string[];
  mounts?: RunMount[];
  extraHosts?: string[];
  shmSize?: string;
  ulimits?: Ulimit[];
  hostname?: string;
  offline?: boolean;
  excludeNewer?: string;
  farmWheels?: FarmWheel[];
  normalize?: string[];
}

export interface Copy {
  sources?: CopySource[];
  destination?: string;
  chown?: string;
  chmod?: string;
  link?: boolean;
  parents?: boolean;
}

export interface Workdir {
  path?: string;
  user?: string;
}

export interface Step {
  number?: number;
  instruction?: string;
  text?: string;
  range?: SourceRange;
  run?: Run;
  copy?: Copy;
  workdir?: Workdir;
  clampTime?: string;
  keepTimes?: boolean;
  expected?: Layer;
  mayCompile?: boolean;
  expectedFinishedAt?: string;
}

export interface StagePlan {
  name?: string;
  platform?: Platform;
  baseImage?: number;
  baseStage?: number;
  scratch?: boolean;
  fromRange?: SourceRange;
  steps?: Step[];
  exports?: Export[];
  config?: string;
  fromText?: string;
  noCache?: boolean;
}

export interface CellPlan {
  platform?: Platform;
  targetStage?: number;
}

export interface BuildPlan {
  bases?: PinnedImage[];
  stages?: StagePlan[];
  cells?: CellPlan[];
  epoch?: string;
  strictEpoch?: boolean;
  keepTimes?: boolean;
  warnings?: string[];
  remoteSources?: RemoteSource[];
}

export interface Variation {
  aspects?: Aspect[];
  number?: number;
}

export interface Task {
  name?: string;
  platform?: Platform;
  replica?: number;
  parents?: Layer[];
  steps?: Step[];
  exports?: Export[];
  stepTimeout?: number;
  sourceDateEpoch?: string;
  freshCaches?: string;
  variation?: Variation;
}

export interface PredictedReason {
  kind?: string;
  evidence?: string;
  sentence?: string;
}

export interface PredictedRequirer {
  name?: string;
  text?: string;
}

export interface PredictedPackage {
  name?: string;
  version?: string;
  extras?: string[];
  outcome?: Outcome;
  scope?: string;
  fileName?: string;
  location?: string;
  size?: string;
  reasons?: PredictedReason[];
  help?: string[];
  certainty?: Certainty;
  doubts?: string[];
  requiredBy?: PredictedRequirer[];
  neededBy?: string;
  present?: boolean;
  dependenciesUnknown?: boolean;
}

export interface PredictedPython {
  path?: string;
  version?: string;
  abi?: string;
  machine?: string;
  libc?: string;
  virtualEnvironment?: boolean;
  realPath?: string;
}

export interface PredictedInstall {
  source?: string;
  tool?: string;
  python?: PredictedPython;
  conditional?: boolean;
  solved?: boolean;
  packages?: PredictedPackage[];
  failure?: string[];
  notes?: string[];
  unknown?: boolean;
}

export interface PredictedGap {
  source?: string;
  why?: string;
}

export interface PredictedStep {
  line?: number;
  stage?: string;
  installs?: PredictedInstall[];
  gaps?: PredictedGap[];
  doubts?: string[];
  stepNumber?: number;
  stageIndex?: number;
  cachedExecution?: string;
  cachedDifferences?: PredictionDifference[];
  runsOn?: string;
}

export interface PlatformPrediction {
  platform?: string;
  steps?: PredictedStep[];
  failure?: string;
}

export interface Prediction {
  platforms?: PlatformPrediction[];
}

export interface PredictedRowCell {
  versions?: string[];
  outcome?: Outcome;
  certainty?: Certainty;
}

export interface PredictedRow {
  name?: string;
  scope?: string;
  cells?: PredictedRowCell[];
}

export interface PredictionMatrix {
  platforms?: string[];
  rows?: PredictedRow[];
}

export interface PredictionDifference {
  kind?: PredictionDifferenceKind;
  name?: string;
  scope?: string;
  sentence?: string;
  wasDoubtful?: boolean;
}

export interface PastCompile {
  name?: string;
  version?: string;
  platform?: string;
  seconds?: number;
  emulated?: boolean;
  buildId?: string;
}

export interface ObservedStep {
  platform?: string;
  line?: number;
  stage?: string;
  stepNumber?: number;
  executed?: boolean;
  packages?: PackageOutcome[];
  differences?: PredictionDifference[];
}

export interface PredictRequest {
  submission?: BuildSubmission;
  againstBuild?: string;
}

export interface Forecast {
  prediction?: Prediction;
  matrix?: PredictionMatrix;
  pastCompiles?: PastCompile[];
  buildId?: string;
  observed?: ObservedStep[];
  notes?: string[];
}

export interface PredictResponse {
  progress?: string;
  forecast?: Forecast;
}

export interface PackageOutcome {
  name?: string;
  version?: string;
  outcome?: Outcome;
  scope?: string;
  tag?: string;
  fileName?: string;
  seconds?: number;
  builtSha256?: string;
  builtSize?: string;
  failureClass?: string;
  failureLine?: string;
  remedy?: string;
  witnesses?: string[];
  conflict?: string;
  emulated?: boolean;
  environment?: string;
  installed?: boolean;
  compiledInBuild?: string;
  compiledByExecution?: string;
  remedyLines?: string[];
}

export interface RemedyPlace {
  range?: SourceRange;
  text?: string;
}

export interface PathDifference {
  path?: string;
  kind?: PathDifferenceKind;
  detail?: string;
  first?: Digest;
  second?: Digest;
}

export interface Witness {
  worker?: string;
  hostId?: string;
  hostName?: string;
  emulated?: boolean;
  layer?: Layer;
  finishedAt?: string;
  failure?: string;
  circumstances?: Circumstance[];
  execution?: string;
  outvoted?: boolean;
}

export interface InputChange {
  kind?: InputChangeKind;
  name?: string;
  first?: string;
  second?: string;
}

export interface StepComparison {
  stage?: number;
  stageName?: string;
  stepNumber?: number;
  range?: SourceRange;
  text?: string;
  agrees?: boolean;
  witnesses?: Witness[];
  differences?: PathDifference[];
  differencesTotal?: number;
  reachesImage?: boolean;
  causes?: CauseGroup[];
  causesProblem?: string;
  inputChanges?: InputChange[];
}

export interface CellComparison {
  platform?: Platform;
  verdict?: Verdict;
  level?: string;
  sameHost?: boolean;
  hosts?: number;
  executions?: number;
  imageDigests?: string[];
  steps?: StepComparison[];
  reason?: string;
  varied?: Aspect[];
  equal?: Aspect[];
  circumstances?: string;
}

export interface DistInfo {
  path?: string;
  name?: string;
  version?: string;
  tags?: string[];
  generator?: string;
  installer?: string;
  directUrl?: string;
  uvBuild?: boolean;
  requested?: boolean;
  form?: DistInfoForm;
  place?: DistInfoPlace;
  environment?: string;
  setupPyInstall?: boolean;
  seed?: boolean;
  writtenAt?: string;
}

export interface WheelFile {
  path?: string;
  fileName?: string;
  origin?: WheelFileOrigin;
  added?: boolean;
}

export interface Fetch {
  kind?: FetchKind;
  method?: string;
  scheme?: string;
  host?: string;
  port?: number;
  url?: string;
  status?: number;
  bytesUp?: string;
  bytesDown?: string;
  sha256?: string;
  startedAt?: string;
  seconds?: number;
  refusedBy?: string;
  error?: string;
  project?: string;
  fileName?: string;
  fromFarm?: boolean;
  compiledInBuild?: string;
  compiledByExecution?: string;
}

export interface HostFetches {
  host?: string;
  fetches?: string;
  bytesUp?: string;
  bytesDown?: string;
  refused?: string;
}

export interface StepFetches {
  fetches?: Fetch[];
  more?: HostFetches[];
}

export interface RootFacts {
  distribution?: string;
  like?: string[];
  release?: string;
  paths?: string[];
  packages?: string[];
}

export interface Circumstance {
  aspect?: Aspect;
  value?: string;
  asked?: boolean;
  limit?: string;
}

export interface Normalization {
  rule?: string;
  files?: number;
  packageFiles?: string[];
  variables?: string[];
}

export interface StepResult {
  number?: number;
  layer?: Layer;
  exitCode?: number;
  failure?: string;
  timedOut?: boolean;
  startedAt?: string;
  finishedAt?: string;
  contentBytes?: string;
  distInfos?: DistInfo[];
  emulated?: boolean;
  warnings?: string[];
  wheels?: WheelFile[];
  cpuSeconds?: number;
  peakMemory?: string;
  cpuWaitShare?: number;
  fetches?: StepFetches;
  root?: RootFacts;
  circumstances?: Circumstance[];
  statement?: string;
  normalizations?: Normalization[];
}

export interface ExportedPathsSearch {
  folder?: string;
  pattern?: string;
  ignoreDialect?: boolean;
}

export interface ExportedPaths {
  trees?: string[];
  folders?: string[];
  links?: string[];
  searches?: ExportedPathsSearch[];
}

export interface ExportResult {
  export?: Export;
  blob?: Digest;
  failure?: string;
  paths?: ExportedPaths;
}

export interface TaskResult {
  outcome?: TaskOutcome;
  message?: string;
  steps?: StepResult[];
  exports?: ExportResult[];
}

export interface LogChunk {
  stepNumber?: number;
  stream?: LogChunkStream;
  time?: string;
  data?: string;
}

export interface PlatformSupport {
  platform?: Platform;
  emulated?: boolean;
}

export interface WorkerInfo {
  name?: string;
  version?: string;
  hostId?: string;
  hostName?: string;
  kernel?: string;
  cpuModel?: string;
  cpus?: number;
  runtime?: string;
  fileSystem?: string;
  platforms?: PlatformSupport[];
  slots?: number;
  slotsByLoad?: boolean;
  indexUrls?: string[];
  publicKey?: string;
}

export interface HostLoad {
  busyCpus?: number;
  availableMemory?: string;
  totalMemory?: string;
  memoryPressure?: number;
}

export interface WorkerState {
  info?: WorkerInfo;
  leases?: string[];
  draining?: boolean;
}

export interface StepStarted {
  number?: number;
  startedAt?: string;
}

export interface LeaseReport {
  lease?: string;
  stepStarted?: StepStarted;
  log?: LogChunk;
  stepFinished?: StepResult;
  taskFinished?: TaskResult;
}

export interface SynchronizeRequest {
  state?: WorkerState;
  report?: LeaseReport;
  heartbeat?: boolean;
  load?: HostLoad;
}

export interface DesiredLease {
  lease?: string;
  task?: Task;
  secrets?: Secret[];
}

export interface Secret {
  id?: string;
  value?: string;
}

export interface ForwardFrame {
  lease?: string;
  sshId?: string;
  data?: string;
  end?: boolean;
}

export interface KeptIndexPage {
  url?: string;
  contentType?: string;
  pageUrl?: string;
  etag?: string;
  lastModified?: string;
  freshUntil?: string;
  body?: string;
}

export interface LoadIndexPageRequest {
  url?: string;
}

export interface SaveIndexPageResponse {
}

export interface SynchronizeResponse {
  leases?: DesiredLease[];
  acknowledged?: string[];
}
