// Recipe in, plan out: which base images a recipe needs, and its expansion to a graph of
// (stage, platform) with final commands, environments and image configs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::plan {

struct PlanOptions {
  // Wanted platforms, normalised (ParsePlatform), at least one; repetitions are one cell.
  std::vector<v1::Platform> platforms;
  // $BUILDPLATFORM: the same for the whole farm.
  v1::Platform build_platform;
  // Of RUN steps that do not choose.
  v1::NetworkMode network = v1::NETWORK_MODE_HOST;
  // Strict: every layer clamps to it. A build argument SOURCE_DATE_EPOCH means the same.
  std::optional<int64_t> source_date_epoch;
  // --source-date-epoch=none.
  bool keep_times = false;
};

// A base image that has to be pinned before MakePlan.
struct BaseNeed {
  // As written, after expansion.
  std::string reference;
  v1::Platform platform;
  // The FROM or COPY --from that wants it.
  v1::SourceRange range;
  // To be appended to "no such image": "; did you mean NAME?" if a stage has a name like it, else "".
  std::string suggestion;
};

// Every base image that the target needs on the wanted platforms, each (reference, platform) once.
// Errors: INVALID_ARGUMENT "FILE:LINE:COLUMN: what is wrong; what was expected".
absl::StatusOr<std::vector<BaseNeed>> FindBases(const v1::Recipe& recipe, const PlanOptions& options);

// Expands the recipe. `bases` is parallel to FindBases' result. Deterministic.
// Errors as FindBases; FAILED_PRECONDITION if `bases` does not fit.
absl::StatusOr<v1::BuildPlan> MakePlan(const v1::Recipe& recipe, const PlanOptions& options,
                                       absl::Span<const v1::PinnedImage> bases);

// For the client, before it scans the context: form of every instruction, and stages as a whole.
absl::Status CheckSyntax(std::string_view file_name, std::string_view text);

// Seconds since 1970 that layers clamp to when nothing else says (1980-01-02, the earliest that zip
// archives can hold in every time zone).
inline constexpr int64_t kEarliestEpoch = 315619200;

}  // namespace crossmill::plan
