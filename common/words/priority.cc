#include "common/words/priority.h"

#include "absl/strings/numbers.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/base/utf8.h"

namespace crossmill {

absl::Status CheckPriority(int32_t priority) {
  if (priority >= -kMostPriority && priority <= kMostPriority) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("priority {}: expected {} to {}", priority, -kMostPriority, kMostPriority));
}

absl::StatusOr<int32_t> ParsePriority(std::string_view text) {
  if (text == "low") return kLowPriority;
  if (text == "normal") return 0;
  if (text == "high") return kHighPriority;
  int32_t number = 0;
  if (absl::SimpleAtoi(Av(text), &number) && CheckPriority(number).ok()) return number;
  return absl::InvalidArgumentError(
      fmt::format("priority '{}': expected low, normal, high, or a whole number from {} to {}",
                  Printable(text.substr(0, 40)), -kMostPriority, kMostPriority));
}

std::string FormatPriority(int32_t priority) {
  if (priority == 0) return "normal";
  if (priority == kHighPriority) return "high";
  return priority == kLowPriority ? "low" : fmt::format("{}", priority);
}

}  // namespace crossmill
