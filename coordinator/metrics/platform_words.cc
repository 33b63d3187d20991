#include "coordinator/metrics/platform_words.h"

#include <algorithm>

namespace crossmill::coordinator {

const std::vector<std::string>& UsualPlatforms() {
  static const auto& names = *new std::vector<std::string>{
      "linux/386",     "linux/amd64",   "linux/arm/v7", "linux/arm64",
      "linux/ppc64le", "linux/riscv64", "linux/s390x",
  };
  return names;
}

PlatformWords::PlatformWords() : names_(UsualPlatforms()) {}

std::string PlatformWords::Of(std::string_view platform) {
  if (platform.empty()) return std::string(kAny);
  MutexLock lock(mutex_);
  const auto place = std::lower_bound(names_.begin(), names_.end(), platform);
  if (place != names_.end() && *place == platform) return *place;
  if (names_.size() >= kMost) return std::string(kOther);
  return *names_.insert(place, std::string(platform));
}

std::vector<std::string> PlatformWords::All() const {
  MutexLock lock(mutex_);
  return names_;
}

}  // namespace crossmill::coordinator
