// Projects, tokens and identity rules for people and as JSON (docs/cli.md). Pure.
#pragma once

#include <cstdint>
#include <string>

#include "cli/show/text.h"
#include "common/base/json.h"
#include "crossmill/v1/identity.pb.h"
#include "crossmill/v1/people.pb.h"

namespace crossmill::cli {

using ProjectList = google::protobuf::RepeatedPtrField<v1::Project>;
using IdentityRuleList = google::protobuf::RepeatedPtrField<v1::IdentityRule>;
using TokenList = google::protobuf::RepeatedPtrField<v1::Token>;

std::string RenderProjects(const ProjectList& projects, const TextOptions& options);
Json ProjectsJson(const ProjectList& projects);

// `now`: Unix time in nanoseconds.
std::string RenderTokens(const TokenList& tokens, int64_t now, const TextOptions& options);
Json TokensJson(const TokenList& tokens);

std::string RenderIdentityRules(const IdentityRuleList& rules, const TextOptions& options);
// The keys of a rule that has its own as a text.
Json IdentityRulesJson(const IdentityRuleList& rules);

}  // namespace crossmill::cli
