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
#include "common/base/digest.h"
#include "common/pattern/effort.h"
#include "common/plan/recipe_limits.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::plan {

struct PlanOptions {
  // Wanted platforms, normalised (ParsePlatform), at least one; repetitions are one cell.
  std::vector<v1::Platform> platforms;
  // $BUILDPLATFORM: the same for the whole farm.
  v1::Platform build_platform;
  // For RUN steps that do not choose.
  v1::NetworkMode network = v1::NETWORK_MODE_RECORDED;
  // Strict: every layer clamps to it. A build argument SOURCE_DATE_EPOCH means the same.
  std::optional<int64_t> source_date_epoch;
  // --source-date-epoch=none.
  bool keep_times = false;
  // Time of what FindEpochSource found; unset: it has none.
  std::optional<int64_t> epoch_stage_time;
  // For every RUN: v1::Run's fields of the same names.
  std::vector<std::string> extra_hosts;
  int64_t shm_size = 0;
  std::vector<v1::Ulimit> ulimits;
  // For every RUN on the recorded network: the same.
  bool offline = false;
  std::optional<int64_t> exclude_newer;
  // For every RUN: names of rules as CheckNormalize (common/words/normalize_rules.h) takes them.
  std::vector<std::string> normalize;
  // Stages by name or number whose steps are executed anew (StagePlan.no_cache).
  std::vector<std::string> no_cache_stages;
  RecipeLimits limits;
  // What planning may cost; not owned, null: unlimited.
  pattern::Effort* effort = nullptr;
};

// A base image that has to be pinned before MakePlan.
struct BaseNeed {
  // As written, after expansion; with `root` the name of the build context that it is.
  std::string reference;
  v1::Platform platform;
  // The FROM, COPY --from or RUN --mount that wants it.
  v1::SourceRange range;
  // To be appended to "no such image": "; did you mean NAME?" if a stage has a name like it, else "".
  std::string suggestion;
  // Not empty: the image is this index or manifest in the blob store, whatever its name means elsewhere.
  Digest root;
};

// SOURCE_DATE_EPOCH may name a stage that only adds one file or repository from elsewhere: its time is meant.
// The step that adds it, which has to be fetched for that before anything else is planned; nullopt: no stage
// is named. Errors: as FindBases.
absl::StatusOr<std::optional<v1::Step>> FindEpochSource(const v1::Recipe& recipe, const PlanOptions& options);

// Every base image that the target needs on the wanted platforms, each (reference, platform) once. Triggers
// (ONBUILD) of bases may need more: `known` is parallel to the beginning of an earlier result, which the new
// result begins with. All are found when the result is as long as `known`.
// Errors: INVALID_ARGUMENT "FILE:LINE:COLUMN: what is wrong; what was expected", also for what is over a
// limit. What the effort's token ended has an error that means nothing.
absl::StatusOr<std::vector<BaseNeed>> FindBases(const v1::Recipe& recipe, const PlanOptions& options,
                                                absl::Span<const v1::PinnedImage> known = {});

// Expands the recipe. `bases` is parallel to FindBases' last result. Deterministic. Sources of COPY, ADD and
// RUN --mount stay patterns and references; MutableSourcesOf (step_sources.h) lists them.
// Errors as FindBases; FAILED_PRECONDITION if `bases` does not fit.
absl::StatusOr<v1::BuildPlan> MakePlan(const v1::Recipe& recipe, const PlanOptions& options,
                                       absl::Span<const v1::PinnedImage> bases);

// For the client, before it scans the context: form of every instruction, and stages as a whole.
// `context_names`: of --build-context.
absl::Status CheckSyntax(std::string_view file_name, std::string_view text,
                         absl::Span<const std::string> context_names = {});

// Seconds since 1970 that layers clamp to when nothing else says (1980-01-02, the earliest that zip
// archives can hold in every time zone).
inline constexpr int64_t kEarliestEpoch = 315619200;

}  // namespace crossmill::plan
