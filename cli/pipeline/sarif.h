// --sarif: what is wrong in a run as SARIF 2.1.0. Pure.
#pragma once

#include <string>
#include <string_view>

#include "cli/pipeline/run.h"
#include "common/base/json.h"

namespace crossmill::cli {

// The URI of a path: relative as it is, absolute as a file's.
std::string UriOf(std::string_view path);

// `check`: a document of the recipe's findings, with one run; its rules and results come first. Null: the
// recipe was not checked.
Json SarifDocument(const PipelineRun& run, Json check);

}  // namespace crossmill::cli
