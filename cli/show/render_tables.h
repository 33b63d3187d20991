// Lists: builds, workers, images. Pure: views to text.
#pragma once

#include <cstdint>
#include <string>

#include "absl/types/span.h"
#include "cli/show/text.h"
#include "crossmill/v1/client_service.pb.h"

namespace crossmill::cli {

// `now`: Unix time in nanoseconds.
std::string RenderBuilds(absl::Span<const v1::BuildView> builds, int64_t now, const TextOptions& options);
std::string RenderWorkers(absl::Span<const v1::WorkerView> workers, int64_t now, const TextOptions& options);
// What `distrust` took back, and where it had gone.
std::string RenderDistrust(std::string_view worker, const v1::DistrustWorkerResponse& response);
std::string RenderImages(absl::Span<const v1::ImageView> images, int64_t now, const TextOptions& options);
// `more`: there are further ones.
std::string RenderFarmWheels(absl::Span<const v1::FarmWheelView> wheels, bool more, int64_t now,
                             const TextOptions& options);

}  // namespace crossmill::cli
