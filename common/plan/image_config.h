// The part of an OCI image config that a Dockerfile can change, read from a base's document and written
// back as Docker's builder writes it.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/json.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::plan {

// Durations in nanoseconds, 0: inherited.
struct HealthCheck {
  std::vector<std::string> test;
  int64_t interval = 0;
  int64_t timeout = 0;
  int64_t start_period = 0;
  int64_t start_interval = 0;
  int64_t retries = 0;
};

struct ImageConfig {
  v1::Platform platform;
  std::string os_version;
  std::string author;
  std::string user;
  std::set<std::string> exposed_ports;
  // NAME=value in order.
  std::vector<std::string> env;
  std::vector<std::string> entrypoint;
  std::vector<std::string> cmd;
  // Docker's builder sets it with every CMD.
  bool args_escaped = false;
  std::set<std::string> volumes;
  std::string working_dir;
  std::map<std::string, std::string> labels;
  std::string stop_signal;
  std::optional<HealthCheck> health_check;
  std::vector<std::string> on_build;
  std::vector<std::string> shell;
  // Entries of the base as they stand, then ours: created_by, comment, empty_layer; without `created`.
  Json history = Json::array();

  // Replaces NAME=... where it stands, else appends.
  void SetEnv(std::string_view name, std::string_view value);
  const std::string* FindEnv(std::string_view name) const;  // the whole NAME=value
  void AddHistory(std::string created_by, bool empty_layer);
};

// FROM scratch begins with this: PATH and the working directory "/".
ImageConfig EmptyImageConfig(const v1::Platform& platform);

// INVALID_ARGUMENT if `document` is not an image config. Members that no builder keeps are dropped.
absl::StatusOr<ImageConfig> ParseImageConfig(std::string_view document, const v1::Platform& platform);

// Compact JSON; rootfs without diff_ids.
std::string WriteImageConfig(const ImageConfig& config);

// PATH where an image sets none.
inline constexpr std::string_view kDefaultPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// Durations as in health checks ("1m30s", "500ms"), in nanoseconds. INVALID_ARGUMENT says what was
// expected.
absl::StatusOr<int64_t> ParseGoDuration(std::string_view text);
// "1m30s", as history entries hold it.
std::string FormatGoDuration(int64_t nanoseconds);

}  // namespace crossmill::plan
