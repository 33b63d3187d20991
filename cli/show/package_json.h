// Packages as documents and as comma-separated values (docs/cli.md, "JSON"; docs/formats.md, "Package").
// Pure.
#pragma once

#include <string>

#include "cli/show/render_build.h"
#include "common/base/json.h"
#include "crossmill/v1/package_history.pb.h"

namespace crossmill::cli {

// `packages --json`, and `packages` of a build: its rows with what changed.
Json PackagesJson(const BuildReport& report);
// `package_changes` and `earlier_builds` of a build.
Json PackageChangesJson(const BuildReport& report);
Json EarlierBuildsJson(const BuildReport& report);

// `packages --history`, `--compiled` and `--uses`: an object with `rows` and `more`.
Json HistoryJson(const v1::PackageHistoryResponse& history);
Json CompiledJson(const v1::CompiledPackagesResponse& compiled);
Json UsesJson(const v1::PackageUsesResponse& uses);

// The same as tables: the members of their rows.
std::string PackagesCsv(const BuildReport& report);
std::string HistoryCsv(const v1::PackageHistoryResponse& history);
std::string CompiledCsv(const v1::CompiledPackagesResponse& compiled);
std::string UsesCsv(const v1::PackageUsesResponse& uses);

// How many times as long compiling takes under emulation; < 0: not known, or natively it takes less than a
// second, of which a ratio says nothing.
double EmulationRatio(const v1::PackageOutcome& package, const v1::OtherWay& other);

}  // namespace crossmill::cli
