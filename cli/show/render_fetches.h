// What the steps of a build fetched through their recording network. Pure: views to text.
#pragma once

#include <string>

#include "absl/types/span.h"
#include "cli/show/text.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/client_service.pb.h"

namespace crossmill::cli {

// One row per fetch; below them how many more there were of which host.
std::string RenderFetches(absl::Span<const v1::FetchRow> rows, absl::Span<const v1::FetchHostRow> hosts,
                          const TextOptions& options);

// The same rows as comma-separated values (RFC 4180), with a heading.
std::string FetchesCsv(absl::Span<const v1::FetchRow> rows);

// The cell's fetches counted per host; empty when there are none.
std::string RenderCellFetches(const v1::CellView& cell, absl::Span<const v1::FetchHostRow> hosts,
                              const TextOptions& options);

}  // namespace crossmill::cli
