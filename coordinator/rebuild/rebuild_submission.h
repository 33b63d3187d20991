// The submission that builds a recorded build again. Pure.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "crossmill/v1/build.pb.h"

namespace crossmill::coordinator {

struct RebuildWish {
  // Executions of each step, on so many hosts; below 2: one.
  uint32_t hosts = 1;
  bool allow_same_host = false;
  // nullopt: as the recorded build.
  std::optional<v1::Vary> vary;
  // BuildSubmission.owner of the rebuild. Its project is the recorded one's.
  std::string owner;
};

// Recipe and options are the recorded ones, so that the rebuild is known as one of the same recipe; what
// differs is that nothing comes from the step cache and no tag is asked for again. FAILED_PRECONDITION: the
// recorded build has no result to compare with; INVALID_ARGUMENT: it is a rebuild itself, or one of wheels.
absl::StatusOr<v1::BuildSubmission> MakeRebuild(const v1::BuildSubmission& recorded,
                                                const v1::BuildView& view, const RebuildWish& wish);

}  // namespace crossmill::coordinator
