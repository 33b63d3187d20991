// --junit: a run as the XML that test reports of pipelines read (Jenkins, GitLab, Buildkite). A suite for
// each build; cases are its steps, packages that failed, its platforms and their verdicts. Pure.
#pragma once

#include <string>

#include "cli/pipeline/run.h"

namespace crossmill::cli {

std::string JunitDocument(const PipelineRun& run);

}  // namespace crossmill::cli
