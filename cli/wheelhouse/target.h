// What a wheelhouse is made for: one Python on one platform, and the image that packages are compiled in.
// Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::cli {

struct WheelTarget {
  v1::Platform platform;
  // "3.11"
  std::string python;
  // The image: a reference as FROM takes it.
  std::string base;

  // "cp311"
  std::string Abi() const;
  // "linux/arm64 cp311", for people.
  std::string Label() const;
  // "linux-arm64-cp311": its folder below the wheelhouse.
  std::string Folder() const;
};

// --python: "3.11", several separated by commas or repeated. INVALID_ARGUMENT for what is no such version,
// and for one that is named twice.
absl::StatusOr<std::vector<std::string>> ParsePythons(absl::Span<const std::string> lists);

// Each Python on each platform, platforms first. `base` is --base: {python} in it stands for the version;
// empty: the slim image that Docker publishes for each Python. INVALID_ARGUMENT for what is no reference of
// an image.
absl::StatusOr<std::vector<WheelTarget>> MakeTargets(absl::Span<const v1::Platform> platforms,
                                                     absl::Span<const std::string> pythons,
                                                     std::string_view base);

}  // namespace crossmill::cli
