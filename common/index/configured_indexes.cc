#include "common/index/configured_indexes.h"

#include <utility>

#include "absl/time/time.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/base/subprocess.h"
#include "common/index/pip_settings.h"

namespace crossmill::index {
namespace {

constexpr absl::Duration kPipLimit = absl::Seconds(20);

absl::StatusOr<std::string> Print(const std::vector<std::string>& words) {
  ProcessOptions options;
  options.argv = words;
  options.time_limit = kPipLimit;
  ASSIGN_OR_RETURN(ProcessResult result, RunProcess(options));
  if (result.exit_code == 0) return std::move(result.stdout_text);
  return absl::NotFoundError(fmt::format("{} ended with exit code {}", words.front(), result.exit_code));
}

}  // namespace

absl::StatusOr<std::vector<IndexAddress>> FindIndexes(const std::vector<std::string>& index_urls,
                                                      const std::vector<std::string>& extra_index_urls) {
  std::vector<std::string> wanted = index_urls;
  if (wanted == std::vector<std::string>{"none"}) {
    wanted.clear();
  } else if (wanted.empty()) {
    const auto settings = AskPip(Print);
    if (settings.ok()) wanted = settings->indexes;
    if (!settings.ok() && extra_index_urls.empty())
      LogWarning("no package index: {}", Sv(settings.status().message()));
  }
  wanted.insert(wanted.end(), extra_index_urls.begin(), extra_index_urls.end());
  std::vector<IndexAddress> indexes;
  for (const std::string& text : wanted) {
    auto address = ParseIndexAddress(text);
    if (!address.ok()) return Annotate(address.status(), "--index-url");
    indexes.push_back(*std::move(address));
  }
  return indexes;
}

}  // namespace crossmill::index
