// Projects and tokens for people and as JSON (docs/cli.md). Pure.
#pragma once

#include <cstdint>
#include <string>

#include "cli/show/text.h"
#include "common/base/json.h"
#include "crossmill/v1/people.pb.h"

namespace crossmill::cli {

using ProjectList = google::protobuf::RepeatedPtrField<v1::Project>;
using TokenList = google::protobuf::RepeatedPtrField<v1::Token>;

std::string RenderProjects(const ProjectList& projects, const TextOptions& options);
Json ProjectsJson(const ProjectList& projects);

// `now`: Unix time in nanoseconds.
std::string RenderTokens(const TokenList& tokens, int64_t now, const TextOptions& options);
Json TokensJson(const TokenList& tokens);

}  // namespace crossmill::cli
