// --code-quality: what is wrong in a run as GitLab's code quality reports have it. Pure.
#pragma once

#include "cli/pipeline/run.h"
#include "common/base/json.h"

namespace crossmill::cli {

// `check`: as in SarifDocument; its findings are told, too.
Json CodeQualityDocument(const PipelineRun& run, const Json& check);

}  // namespace crossmill::cli
