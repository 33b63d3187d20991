// Two images of the farm's store beside each other: documents, layers, and the file systems that the layers
// make.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/images/config_changes.h"
#include "cli/images/image_inspect.h"
#include "cli/session/session.h"
#include "cli/show/text.h"
#include "common/base/json.h"
#include "crossmill/v1/report.pb.h"

namespace crossmill::cli {

// One layer of each, counted from the bottom; empty: that image has fewer. "sha256:...".
struct LayerPair {
  std::string first_diff_id;
  std::string second_diff_id;
  // Of the layer as it is in the store, compressed or not.
  std::string first_blob;
  std::string second_blob;
};

struct PlatformImagePair {
  v1::Platform platform;
  bool in_first = false;
  bool in_second = false;
  // Of a platform that both have.
  std::string first_manifest;
  std::string second_manifest;
  std::string first_config;
  std::string second_config;
  // Config first, then media type and annotations of the manifests.
  std::vector<FieldChange> fields;
  std::vector<LayerPair> layers;
  // Whether the layers differ, so that the file systems were compared; and why that could not be done.
  bool files_compared = false;
  std::string files_problem;
  // Of the file systems: differences and causes; nothing else is set.
  v1::StepComparison files;
};

struct ImagePair {
  v1::ImageView first;
  v1::ImageView second;
  // Of the indexes, if both are.
  std::vector<FieldChange> fields;
  // Those of the first image, then those that only the second has.
  std::vector<PlatformImagePair> platforms;
};

// By name or "sha256:...". File systems of platforms whose layers differ are read whole and put into
// temporary files. At most `paths` of them are told of a platform. NOT_FOUND: there is no such image, or
// neither has the platform.
absl::StatusOr<ImagePair> CompareImages(Session& session, const std::string& first, const std::string& second,
                                        const std::optional<v1::Platform>& platform, size_t paths);
std::string RenderImagePair(const ImagePair& pair, const TextOptions& options, size_t paths);
Json ImagePairJson(const ImagePair& pair);

}  // namespace crossmill::cli
