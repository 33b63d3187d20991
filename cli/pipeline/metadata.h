// --metadata-file: digests, names and verdicts of a run as JSON, with the members that docker buildx writes
// beside our own. Pure.
#pragma once

#include "cli/pipeline/run.h"
#include "common/base/json.h"

namespace crossmill::cli {

// Of one build as MetadataJson; of a matrix its own members, and those of each build by combination.
Json MetadataDocument(const PipelineRun& run);

}  // namespace crossmill::cli
