#include "coordinator/placing_flags.h"

#include <CLI/CLI.hpp>
#include <string_view>

#include "absl/strings/numbers.h"
#include "common/base/status.h"
#include "common/words/platform.h"
#include "common/words/worker_labels.h"

namespace crossmill::coordinator {
namespace {

constexpr double kLeastShare = 0.01;
constexpr double kMostShare = 1000;

}  // namespace

void AddPlacingFlags(CLI::App& app, PlacingSettings& settings) {
  app.add_option("--default-pool", settings.pool_texts,
                 "PLATFORM=POOL: pool of builds that name none, for what they execute of that platform: "
                 "linux/arm64=arm (repeatable) [none: any worker]")
      ->allow_extra_args(false);
  app.add_option(
         "--project-share", settings.share_texts,
         "PROJECT=NUMBER: share of the workers against those of other projects that wait too, 0.01 to "
         "1000 (repeatable) [1]")
      ->allow_extra_args(false);
  app.add_option("--verify-reserve", settings.verify_reserve,
                 "Percent of the slots of each platform that replicas (--verify) get before first executions "
                 "that wait")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
  app.add_option("--most-priority", settings.most_priority,
                 "Highest --priority of builds without the role operate")
      ->check(CLI::Range(-kMostPriority, kMostPriority))
      ->capture_default_str();
}

absl::Status ReadPlacingFlags(PlacingSettings& settings) {
  for (const std::string& text : settings.pool_texts) {
    const size_t equals = text.find('=');
    const auto platform = ParsePlatform(text.substr(0, equals));
    const std::string pool = equals == std::string::npos ? "" : text.substr(equals + 1);
    if (!platform.ok() || pool.empty()) {
      return absl::InvalidArgumentError(
          fmt::format("--default-pool {}: expected PLATFORM=POOL, such as linux/arm64=arm", text));
    }
    RETURN_IF_ERROR(Annotate(CheckPoolName(pool), "--default-pool"));
    settings.pools[FormatPlatform(*platform)] = pool;
  }
  for (const std::string& text : settings.share_texts) {
    const size_t equals = text.find('=');
    double share = 0;
    const bool is_number = equals != std::string::npos && equals > 0 &&
                           absl::SimpleAtod(Av(std::string_view(text).substr(equals + 1)), &share) &&
                           share >= kLeastShare && share <= kMostShare;
    if (!is_number) {
      return absl::InvalidArgumentError(
          fmt::format("--project-share {}: expected PROJECT=NUMBER, the number from {} to {}", text,
                      kLeastShare, kMostShare));
    }
    settings.shares[text.substr(0, equals)] = share;
  }
  return absl::OkStatus();
}

}  // namespace crossmill::coordinator
