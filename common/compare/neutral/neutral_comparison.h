// What should not depend on the platform (docs/formats.md, "Across platforms"), compared between the
// platforms of one build, by manifests; contents are read only where these differ. It is no verdict. Pure.
#pragma once

#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/compare/content.h"
#include "common/compare/neutral/platform_root.h"
#include "crossmill/v1/report.pb.h"

namespace crossmill::compare {

// One platform of the build.
struct NeutralSide {
  v1::Platform platform;
  PlatformRoot root;
  // Files of wheels for any platform (FilesOfRecord).
  std::set<std::string, std::less<>> wheel_files;
};

class NeutralContents {
 public:
  virtual ~NeutralContents() = default;
  // Of the side with this index. NOT_FOUND: its bytes are gone.
  virtual absl::StatusOr<std::unique_ptr<Content>> Open(size_t side, const RootEntry& entry) = 0;
};

// `chosen`: globs of --neutral, for paths with or without their leading slash; * also stands for slashes.
// Modes, owners, links and attributes count, times do not. Unset platforms: there is only one side.
v1::NeutralComparison CompareNeutral(absl::Span<const NeutralSide> sides,
                                     absl::Span<const std::string> chosen, NeutralContents& contents,
                                     const std::stop_token& stop);

}  // namespace crossmill::compare
