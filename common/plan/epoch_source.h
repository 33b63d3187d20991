// SOURCE_DATE_EPOCH that names where its time comes from: the context, a named context, or a stage that only
// adds something from elsewhere. Pure: who plans the build finds the time out.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/plan/planner.h"
#include "common/plan/recipe_reading.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::plan {

// The build argument as given, else an ARG before the first FROM; empty: none.
std::string EpochArgument(const RecipeReading& read);

// INVALID_ARGUMENT with the place of that ARG: the value is neither a time nor names a source of one.
absl::Status BadEpoch(const RecipeReading& read, const std::string& value);

// Puts the time in the place of the name, in build arguments and in all views. Where the source has no time
// the variable is as if nobody had set it, as in Docker's builder.
absl::Status ResolveEpoch(const v1::Recipe& recipe, const PlanOptions& options, RecipeReading& read);

}  // namespace crossmill::plan
