#include "common/base/room/descriptors.h"

#include <sys/resource.h>

#include <algorithm>

namespace crossmill {
namespace {

// More than any process opens; also for "unlimited".
constexpr size_t kMostDescriptors = size_t{1} << 30;

}  // namespace

size_t RaiseDescriptorLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  return std::min<size_t>(limit.rlim_cur, kMostDescriptors);
}

}  // namespace crossmill
