// Small messages that the tests of coordinator/core make.
#pragma once

#include <cstdint>
#include <string>

#include "crossmill/v1/plan.pb.h"
#include "crossmill/v1/report.pb.h"

namespace crossmill::core {

inline constexpr int64_t kMiB = int64_t{1} << 20;

inline v1::Platform PlatformOf(const std::string& architecture) {
  v1::Platform platform;
  platform.set_os("linux");
  platform.set_architecture(architecture);
  return platform;
}

inline v1::PathDifference Difference(const std::string& path,
                                     v1::PathDifference::Kind kind = v1::PathDifference::KIND_CONTENT,
                                     const std::string& detail = "") {
  v1::PathDifference difference;
  difference.set_path(path);
  difference.set_kind(kind);
  difference.set_detail(detail);
  return difference;
}

}  // namespace crossmill::core
