#include "common/words/task_name.h"

#include "absl/strings/numbers.h"
#include "common/base/status.h"
#include "common/words/platform.h"

namespace crossmill {

std::string TaskName(int64_t build, const v1::Platform& platform, std::string_view stage, int replica) {
  return fmt::format("b{}/{}/{}/r{}", build, FormatPlatform(platform), stage, replica);
}

int64_t BuildOfTask(std::string_view name) {
  const size_t slash = name.find('/');
  int64_t build = 0;
  if (!name.starts_with('b') || slash == std::string_view::npos) return 0;
  return absl::SimpleAtoi(Av(name.substr(1, slash - 1)), &build) && build > 0 ? build : 0;
}

}  // namespace crossmill
