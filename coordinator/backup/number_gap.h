// Which numbers a restored record leaves out: people, links and receivers of webhooks may have numbers that
// were given after the backup was taken, and these must never mean something else. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace crossmill::backup {

struct GapBasis {
  // The last number of each table in the backup: "builds" and others.
  std::map<std::string, int64_t> last;
  // Submitted in the day before the backup.
  int64_t builds_of_day = 0;
  // From the backup to the restore; a clock that went back counts as 0.
  int64_t elapsed_seconds = 0;
};

// For each table the number above which the next ones begin: for builds, 1000 and twice as many as the farm
// would have got in the meantime, up to a round number; for other tables as many times that as they have
// numbers for each build.
std::map<std::string, int64_t> NumbersToSkip(const GapBasis& basis);

}  // namespace crossmill::backup
