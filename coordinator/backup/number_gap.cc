#include "coordinator/backup/number_gap.h"

#include <algorithm>

namespace crossmill::backup {
namespace {

constexpr int64_t kRound = 1000;
constexpr double kSecondsOfDay = 86400;
// Far from the end of SQLite's numbers, whatever a record says.
constexpr double kMostSkipped = 1e12;

int64_t RoundUp(double number) { return (static_cast<int64_t>(number) / kRound + 1) * kRound; }

}  // namespace

std::map<std::string, int64_t> NumbersToSkip(const GapBasis& basis) {
  const double elapsed = static_cast<double>(std::max<int64_t>(0, basis.elapsed_seconds));
  const double builds = kRound + 2.0 * static_cast<double>(basis.builds_of_day) * elapsed / kSecondsOfDay;
  const auto found = basis.last.find("builds");
  const double per = found == basis.last.end() ? 1 : static_cast<double>(std::max<int64_t>(1, found->second));
  std::map<std::string, int64_t> skip;
  for (const auto& [table, last] : basis.last) {
    // Leases begin at the time of day in milliseconds, whatever there were before.
    const double times = table == "leases" ? 1.0 : std::max(1.0, static_cast<double>(last) / per);
    skip[table] = RoundUp(static_cast<double>(last) + std::min(kMostSkipped, builds * times));
  }
  return skip;
}

}  // namespace crossmill::backup
