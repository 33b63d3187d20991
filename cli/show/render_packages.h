// Python packages of a build: how each arrived, and what to do about those that did not. Pure: views to text.
#pragma once

#include <string>

#include "absl/types/span.h"
#include "cli/show/text.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/client_service.pb.h"

namespace crossmill::cli {

// One row per package, version and stage, one column per platform: how it arrived and how long it took. Below
// it what failed and what is unknown, with the remedies.
std::string RenderPackages(absl::Span<const v1::PackageRow> rows, const TextOptions& options);

// The cell's packages; empty when there are none.
std::string RenderCellPackages(const v1::CellView& cell, absl::Span<const v1::PackageRow> rows,
                               const TextOptions& options);

}  // namespace crossmill::cli
