// What the farm keeps about its images, apart from their blobs. The SQLite implementation is in
// coordinator/storage (tables images, image_platforms, image_manifests,
// compressed_layers); tests have one in memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/digest.h"
#include "coordinator/core/standing/scope.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator {

// A name and the index or manifest it points to. Each project has names of its own.
struct ImageRecord {
  // Normalised ("docker.io/library/python:3.11"), or "sha256:..." (then that of `root`) for an image that can
  // be fetched by digest only.
  std::string name;
  Digest root;
  std::vector<v1::Platform> platforms;
  // Made from distribution packages in place of the published image.
  bool stand_in = false;
  // "registry", "import" or "build 12".
  std::string origin;
  // Documents, configs and compressed layers of all platforms.
  int64_t size_bytes = 0;
  // Unix time in nanoseconds.
  int64_t created_at = 0;
  // Whose the name is: of a token (core::ClientOf), "" for the operator and for what a registry gave.
  // Nothing: from before this was recorded.
  std::optional<std::string> owner = {};
  // Whose image it is.
  std::string project = std::string(core::kDefaultProject);
  // Everybody may see it and build upon it, whatever their project: what a registry gave the coordinator, and
  // what an operator put there.
  bool shared = false;
};

inline bool Sees(const core::Scope& scope, const ImageRecord& image) {
  return image.shared || scope.Sees(image.project);
}

// What no other image of the farm is called.
struct ImageName {
  std::string name;
  std::string project = std::string(core::kDefaultProject);
};

// One platform's image, ready to be built upon.
struct ManifestRecord {
  Digest manifest;
  // Without reference and stand_in, which belong to names.
  v1::PinnedImage image;
};

// The compressed form of a layer that Crossmill compressed itself.
struct CompressedLayerRecord {
  // Uncompressed: the diffID.
  Digest tar;
  // Library, version and level, which decide the bytes.
  std::string compressor;
  Digest blob;
};

// Thread safe. Each Put is durable when it returns and replaces what has the same key (project and name;
// manifest hash; tar hash and compressor). Errors are the database's.
class ImageRecords {
 public:
  virtual ~ImageRecords() = default;
  virtual absl::Status PutImage(const ImageRecord& image) = 0;
  virtual absl::StatusOr<std::optional<ImageRecord>> FindImage(
      std::string_view name, std::string_view project = core::kDefaultProject) = 0;
  // All with this root ("sha256:..."), by project and name.
  virtual absl::StatusOr<std::vector<ImageRecord>> FindImagesByRoot(std::string_view root) = 0;
  // All of that name, one for each project that has one.
  virtual absl::StatusOr<std::vector<ImageRecord>> FindImagesByName(std::string_view name) = 0;
  // What the project's own images take that have a name, compressed, each once however many it has.
  virtual absl::StatusOr<int64_t> ImageBytes(std::string_view project) = 0;
  // Names that there are not are no error.
  virtual absl::Status RemoveImages(absl::Span<const ImageName> names) = 0;
  // Of all projects.
  virtual absl::StatusOr<std::vector<ImageRecord>> ListImages() = 0;
  // What the scope sees, at most `limit` behind the place that PlaceOf says, without those that are named by
  // their digest. Of a project ordered by name, an own image before a shared one, which it hides; of the farm
  // by place.
  virtual absl::StatusOr<std::vector<ImageRecord>> ListNamedImages(const core::Scope& scope,
                                                                   std::string_view behind, int limit) = 0;
  virtual absl::Status PutManifest(const ManifestRecord& manifest) = 0;
  // By "sha256:...".
  virtual absl::StatusOr<std::optional<ManifestRecord>> FindManifest(std::string_view digest) = 0;
  virtual absl::Status PutCompressedLayer(const CompressedLayerRecord& layer) = 0;
  virtual absl::StatusOr<std::optional<Digest>> FindCompressedLayer(const Digest& tar,
                                                                    std::string_view compressor) = 0;
};

// Where the image stands in what ListNamedImages gives for the scope.
inline std::string PlaceOf(const core::Scope& scope, const ImageRecord& image) {
  return scope.is_farm() ? core::InProject(image.project, image.name) : image.name;
}

}  // namespace crossmill::coordinator
