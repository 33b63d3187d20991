// Packages over many builds, for people: history, what was compiled, uses, and what changed since the last
// build of the same recipe. Pure: messages to text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "cli/show/render_build.h"
#include "cli/show/text.h"
#include "crossmill/v1/package_history.pb.h"

namespace crossmill::cli {

// Tables; a last line says when there is more. `now_nanos` for "3h ago".
std::string RenderHistory(std::string_view name, const v1::PackageHistoryResponse& history, int64_t now_nanos,
                          const TextOptions& options);
std::string RenderCompiled(const v1::CompiledPackagesResponse& compiled, int64_t now_nanos,
                           const TextOptions& options);
std::string RenderUses(std::string_view requirement, const v1::PackageUsesResponse& uses, int64_t now_nanos,
                       const TextOptions& options);

// "native 40.0s in build 12: 7.8x"; for a native one what emulation took; empty when that is not known.
std::string OtherWayText(const v1::PackageRow& row);

// At most so many changes with the builds that are compared with; empty when nothing changed.
std::string RenderPackageChanges(const BuildReport& report, const TextOptions& options, size_t most = 30);

}  // namespace crossmill::cli
