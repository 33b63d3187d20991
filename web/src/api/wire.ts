// The messages as they come. The types are those of the OpenAPI file (`npm run types`), but every field may be missing:
// an older farm knows fewer of them, and the mapping may leave out defaults.
import type { components } from './schema';

type Loose<T> = T extends readonly (infer Each)[] ? Loose<Each>[] : T extends object ? { [Key in keyof T]?: Loose<T[Key]> } : T;
type Message<Name extends keyof components['schemas']> = Loose<components['schemas'][Name]>;

export type BuildEvent = Message<'BuildEvent'>;
export type BuildEventBasePinned = Message<'BuildEvent_BasePinned'>;
export type BuildEventPlanned = Message<'BuildEvent_Planned'>;
export type BuildEventStageChanged = Message<'BuildEvent_StageChanged'>;
export type BuildEventStatusChanged = Message<'BuildEvent_StatusChanged'>;
export type BuildEventStepChanged = Message<'BuildEvent_StepChanged'>;
export type BuildView = Message<'BuildView'>;
export type Cause = Message<'Cause'>;
export type CauseGroup = Message<'CauseGroup'>;
export type CellComparison = Message<'CellComparison'>;
export type CellView = Message<'CellView'>;
export type CompiledPackage = Message<'CompiledPackage'>;
export type CompiledPackagesResponse = Message<'CompiledPackagesResponse'>;
export type ContentDifference = Message<'ContentDifference'>;
export type GetVersionResponse = Message<'GetVersionResponse'>;
export type Layer = Message<'Layer'>;
export type ListBuildsResponse = Message<'ListBuildsResponse'>;
export type ListLogLinesResponse = Message<'ListLogLinesResponse'>;
export type ListPackagesResponse = Message<'ListPackagesResponse'>;
export type ListWorkersResponse = Message<'ListWorkersResponse'>;
export type LogLine = Message<'LogLine'>;
export type PackageChange = Message<'PackageChange'>;
export type PackageHistoryResponse = Message<'PackageHistoryResponse'>;
export type PackageRow = Message<'PackageRow'>;
export type PathDifference = Message<'PathDifference'>;
export type PinnedImage = Message<'PinnedImage'>;
export type Platform = Message<'Platform'>;
export type ReplicaStep = Message<'ReplicaStep'>;
export type SourceRange = Message<'SourceRange'>;
export type StageView = Message<'StageView'>;
export type StepComparison = Message<'StepComparison'>;
export type StepView = Message<'StepView'>;
export type SubmitBuildRequest = Message<'SubmitBuildRequestInput'>;
export type SubmitBuildResponse = Message<'SubmitBuildResponse'>;
export type SubmitFilesRequest = Message<'SubmitFilesRequestInput'>;
export type Submission = Message<'Submission'>;
export type Witness = Message<'Witness'>;
export type WorkerView = Message<'WorkerView'>;
