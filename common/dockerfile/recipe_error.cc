#include "common/dockerfile/recipe_error.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "common/base/status.h"

namespace crossmill::dockerfile {
namespace {

// Edits (insert, delete, replace, swap of neighbours) between two short words, case apart.
size_t Distance(std::string_view left, std::string_view right) {
  std::vector<std::vector<size_t>> cost(left.size() + 1, std::vector<size_t>(right.size() + 1));
  const auto lower = [](char c) { return absl::ascii_tolower(static_cast<unsigned char>(c)); };
  for (size_t i = 0; i <= left.size(); ++i) {
    for (size_t j = 0; j <= right.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = i + j;
        continue;
      }
      const bool same = lower(left[i - 1]) == lower(right[j - 1]);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && lower(left[i - 1]) == lower(right[j - 2]) &&
          lower(left[i - 2]) == lower(right[j - 1])) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[left.size()][right.size()];
}

}  // namespace

absl::Status RecipeError(const Place& place, std::string_view message) {
  if (place.column == 0) {
    return absl::InvalidArgumentError(fmt::format("{}:{}: {}", place.file, place.line, message));
  }
  return absl::InvalidArgumentError(
      fmt::format("{}:{}:{}: {}", place.file, place.line, place.column, message));
}

std::string DidYouMean(std::string_view name, absl::Span<const std::string> candidates) {
  constexpr size_t kLongestName = 64;
  if (name.empty() || name.size() > kLongestName) return "";
  const std::string* best = nullptr;
  size_t best_distance = std::max<size_t>(1, std::max<size_t>(name.size(), 3) / 3) + 1;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kLongestName) continue;
    const size_t distance = Distance(name, candidate);
    if (distance < best_distance && distance < candidate.size()) {
      best = &candidate;
      best_distance = distance;
    }
  }
  return best == nullptr ? "" : fmt::format("; did you mean {}?", *best);
}

}  // namespace crossmill::dockerfile
