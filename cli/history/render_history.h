// Recipes over time (v1.BuildHistoryResponse) and builds that are to be verified again, for people and as
// JSON. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "cli/show/text.h"
#include "common/base/json.h"
#include "crossmill/v1/history.pb.h"

namespace crossmill::cli {

std::string RenderRecipeHistory(const v1::BuildHistoryResponse& history, int64_t now_nanos,
                                const TextOptions& options);
Json RecipeHistoryJson(const v1::BuildHistoryResponse& history);

// What was given otherwise to a build than to an earlier one; empty: nothing that is recorded.
std::string RenderChanges(const v1::BuildChanges& changes, const TextOptions& options);
Json ChangesJson(const v1::BuildChanges& changes);

std::string RenderDueBuilds(const v1::ReverifyBuildsResponse& due, bool dry_run, int64_t now_nanos,
                            const TextOptions& options);
Json DueBuildsJson(const v1::ReverifyBuildsResponse& due);

}  // namespace crossmill::cli
