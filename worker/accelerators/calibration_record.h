// Which tools of a set gave the same bytes as the emulated ones over a corpus: what
// scripts/calibrate-accelerators wrote beside the set. Without it nothing of a set is used.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/digest.h"
#include "worker/accelerators/accelerator_set.h"

namespace crossmill::worker {

// A corpus that has less than this proves nothing, and neither do so few units of one tool.
inline constexpr int64_t kLeastCorpusUnits = 200;
inline constexpr int64_t kLeastToolUnits = 75;

struct ToolVerdict {
  std::string tool;
  bool usable = false;
  // Why it is not, for people.
  std::string reason;
};

// Pure: one verdict per tool of the set, in their order. A result counts for this making of the tool
// (ToolIdentity) with this emulator only: of another one the verdict says so. INVALID_ARGUMENT if it is no
// record.
absl::StatusOr<std::vector<ToolVerdict>> JudgeTools(const AcceleratorSet& set, const Digest& emulator,
                                                    std::string_view record);

// Without a record.
std::vector<ToolVerdict> RefuseTools(const AcceleratorSet& set, std::string_view reason);

}  // namespace crossmill::worker
