// crossmill image inspect and history: an image's documents, and the steps that made it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/session/session.h"
#include "cli/show/text.h"
#include "common/base/json.h"
#include "common/oci/image.h"

namespace crossmill::cli {

// One platform of an image, with its documents.
struct InspectedPlatform {
  v1::Platform platform;
  Digest manifest_digest;
  oci::ImageManifest manifest;
  oci::ImageConfig parsed_config;
  Json config;
  // Sizes of the uncompressed layers, bottom first; empty if the farm has not unpacked them.
  std::vector<int64_t> layer_bytes;
};

struct InspectedImage {
  v1::ImageView image;
  std::string media_type;
  std::map<std::string, std::string> annotations;
  std::vector<InspectedPlatform> platforms;
};

// Platforms that the store does not have are left out. `platform`: only this one, NOT_FOUND if it is not
// there.
absl::StatusOr<InspectedImage> InspectImage(Session& session, const std::string& name,
                                            const std::optional<v1::Platform>& platform);
Json InspectJson(const InspectedImage& image);
std::string RenderInspect(const InspectedImage& image, const TextOptions& options);

// One line of history, top of the image first.
struct HistoryRow {
  std::string created_by;
  std::string comment;
  // RFC 3339; may be empty.
  std::string created;
  // Uncompressed bytes of the step's layer, 0 for none; the compressed ones when `compressed`.
  int64_t bytes = 0;
  bool compressed = false;
  // "sha256:..." of the uncompressed layer; empty for none.
  std::string diff_id;
  // Seconds of the step when this farm built it; unset for others.
  std::optional<double> seconds;
  // What --normalize did in the step then: of the farm's record, not of the image.
  std::vector<v1::Normalization> normalizations;
  // The step is one of the base image's.
  bool base = false;
};

// `build`: the view of the build that made the image, or nullptr.
std::vector<HistoryRow> HistoryOf(const InspectedPlatform& image, const v1::BuildView* build);
Json HistoryJson(const std::vector<HistoryRow>& rows);
// `now`: Unix time in nanoseconds. `full`: long commands are not shortened.
std::string RenderHistory(const std::vector<HistoryRow>& rows, int64_t now, bool full,
                          const TextOptions& options);

}  // namespace crossmill::cli
