// Ignore file and path, separated by the first NUL byte: rules agree with themselves about folders. The same
// bytes as a pattern: what matches is found by a walk that goes only where something may match.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/pattern/ignore_rules.h"
#include "common/pattern/path_pattern.h"

namespace {

void CheckPattern(std::string_view text, const std::string& path) {
  using crossmill::pattern::Dialect;
  for (const Dialect dialect : {Dialect::kCopy, Dialect::kIgnore}) {
    const auto pattern = crossmill::pattern::PathPattern::Compile(text, dialect);
    if (!pattern.ok() || !pattern->Matches(path)) continue;
    if (!pattern->MatchesPathOrParent(path)) std::abort();
    for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
      if (slash + 1 < path.size() && !pattern->MayMatchBelow(path.substr(0, slash))) std::abort();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using crossmill::pattern::IgnoreRules;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t split = input.find('\0');
  const std::string path(split == std::string_view::npos ? "a/b/c.txt" : input.substr(split + 1));
  CheckPattern(input.substr(0, split), path);
  const auto rules = IgnoreRules::Parse(input.substr(0, split));
  if (!rules.ok()) {
    if (rules.status().code() != absl::StatusCode::kInvalidArgument) std::abort();
    return 0;
  }
  const bool hidden = rules->Excluding(path).has_value();
  // A path that is visible below a hidden folder must be reachable by walking.
  for (size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string folder = path.substr(0, slash);
    if (!hidden && slash + 1 < path.size() && rules->Excluding(folder) &&
        !rules->MayHaveExceptionBelow(folder)) {
      std::abort();
    }
  }
  return 0;
}
