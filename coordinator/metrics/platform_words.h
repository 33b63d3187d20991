// Under which word a platform is counted: names come from recipes, and each is a time series for good.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/mutex.h"

namespace crossmill::coordinator {

// Platforms that a farm is usually asked for, which therefore have their numbers from the start.
const std::vector<std::string>& UsualPlatforms();

// Thread safe.
class PlatformWords {
 public:
  // More than there are Linux platforms in use.
  static constexpr size_t kMost = 24;
  // Of tasks that execute nothing of a platform, which have an empty name.
  static constexpr std::string_view kAny = "any";
  // Of all platforms beyond the first kMost.
  static constexpr std::string_view kOther = "other";

  PlatformWords();
  // A name that was not met is remembered, while there is room.
  std::string Of(std::string_view platform);
  // Those that were met, and the usual ones; in the order of their names.
  std::vector<std::string> All() const;

 private:
  mutable Mutex mutex_;
  // Sorted.
  std::vector<std::string> names_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::coordinator
