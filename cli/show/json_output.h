// The documents of --json (docs/cli.md): stable names in snake_case, digests as "sha256:...", times in
// RFC 3339 UTC, durations in seconds. Pure. Members that do not apply are null or left empty, never
// missing; new members may be added.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "cli/show/render_build.h"
#include "common/base/json.h"
#include "crossmill/v1/client_service.pb.h"

namespace crossmill::cli {

// A whole build, as in `show --json` and `build --json`.
Json BuildJson(const BuildReport& report);
// One element of `ls --json`: a build without stages, bases and packages.
Json BuildRowJson(const v1::BuildView& build);
// Without what package_json.h adds.
Json PackageJson(const v1::PackageRow& row);
Json FetchJson(const v1::FetchRow& row);
Json FetchHostJson(const v1::FetchHostRow& row);
// The members of a comparison; with `steps` those too.
Json ComparisonDocument(const v1::CellComparison& comparison, bool steps);
// The executions of one step.
Json StepDocument(const v1::StepComparison& step);
// `diff --json`.
Json DiffJson(const v1::BuildView& build, absl::Span<const v1::CellComparison> comparisons);
Json WorkerJson(const v1::WorkerView& worker);
Json DistrustJson(const v1::DistrustWorkerResponse& response);
Json ImageJson(const v1::ImageView& image);
Json FarmWheelJson(const v1::FarmWheelView& view);
// Parts of a whole build, for its events.
Json BuildStageJson(const v1::StageView& stage);
Json BuildStepJson(const v1::StepView& step);
Json BuildCellJson(const v1::CellView& cell);
// What a rule of --normalize did.
Json NormalizationJson(const v1::Normalization& one);
// --metadata-file.
Json MetadataJson(const v1::BuildView& build);
// {"error": {"code": ..., "message": ..., "hint": ...}}
Json ErrorJson(const absl::Status& status);

}  // namespace crossmill::cli
