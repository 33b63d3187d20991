// Image documents: index, manifest and config, of OCI and of Docker (schema 2).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/digest.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::oci {

namespace media_type {
inline constexpr std::string_view kOciIndex = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kOciManifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kOciConfig = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view kOciLayer = "application/vnd.oci.image.layer.v1.tar";
inline constexpr std::string_view kOciLayerGzip = "application/vnd.oci.image.layer.v1.tar+gzip";
inline constexpr std::string_view kOciLayerZstd = "application/vnd.oci.image.layer.v1.tar+zstd";
inline constexpr std::string_view kDockerIndex = "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view kDockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view kDockerConfig = "application/vnd.docker.container.image.v1+json";
inline constexpr std::string_view kDockerLayer = "application/vnd.docker.image.rootfs.diff.tar";
inline constexpr std::string_view kDockerLayerGzip = "application/vnd.docker.image.rootfs.diff.tar.gzip";
inline constexpr std::string_view kDockerLayerZstd = "application/vnd.docker.image.rootfs.diff.tar.zstd";
}  // namespace media_type

bool IsIndexType(std::string_view media_type);
bool IsManifestType(std::string_view media_type);

struct Descriptor {
  std::string media_type;
  Digest digest;
  std::optional<v1::Platform> platform;
  std::map<std::string, std::string> annotations;
};

struct ImageManifest {
  std::string media_type{media_type::kOciManifest};
  Descriptor config;
  // Bottom first.
  std::vector<Descriptor> layers;
  std::map<std::string, std::string> annotations;
};

struct ImageIndex {
  std::string media_type{media_type::kOciIndex};
  std::vector<Descriptor> manifests;
  std::map<std::string, std::string> annotations;
};

// What the bytes are: an index's or a manifest's media type, from the document's own mediaType, else from
// its shape. INVALID_ARGUMENT for anything else, by name for Docker's schema 1.
absl::StatusOr<std::string> DocumentType(std::string_view document);

// INVALID_ARGUMENT says which member is wrong. Members that are not in the structs are ignored.
absl::StatusOr<ImageManifest> ParseImageManifest(std::string_view document);
absl::StatusOr<ImageIndex> ParseImageIndex(std::string_view document);

// Canonical: the same value gives the same bytes.
std::string WriteImageManifest(const ImageManifest& manifest);
std::string WriteImageIndex(const ImageIndex& index);
std::string WriteDescriptor(const Descriptor& descriptor);

// Payload of SelectPlatform's NOT_FOUND: the image is there, but not for this platform.
inline constexpr char kMissingPlatform[] = "crossmill/missing-platform";
// The index's manifest for the platform (variants as usual: arm64 is arm64/v8, arm is arm/v7).
// NOT_FOUND lists the platforms there are.
absl::StatusOr<Descriptor> SelectPlatform(const ImageIndex& index, const v1::Platform& platform);
// "linux/arm/v7".
std::string PlatformText(const v1::Platform& platform);
// False for the attestations that builders put beside images in an index ("unknown/unknown").
bool IsImageDescriptor(const Descriptor& descriptor);

// What is read of a config document.
struct ImageConfig {
  v1::Platform platform;
  // Seconds since 1970.
  std::optional<int64_t> created;
  // "sha256:...", bottom first.
  std::vector<std::string> diff_ids;
};
absl::StatusOr<ImageConfig> ParseImageConfig(std::string_view document);

// Completes a config as the planner left it (everything but rootfs and times): rootfs.diff_ids from
// `diff_ids` (base included), `created` of history entries that have none, and of the image. The last
// layer_times.size() layers are those above the base, layer_times their clamp values in seconds; entries
// for them get that time, entries without a layer the time before them, or `epoch`. History entries
// that the base lacks for its layers are added, so that entries with layers and diff_ids are as many.
// INVALID_ARGUMENT if that cannot be made to fit.
absl::StatusOr<std::string> FinishImageConfig(std::string_view planned, absl::Span<const Digest> diff_ids,
                                              int64_t epoch, absl::Span<const int64_t> layer_times);

// "2001-09-09T01:46:40Z", and back (any RFC 3339 time, fractions cut off).
std::string FormatTime(int64_t seconds);
std::optional<int64_t> ParseTime(std::string_view text);

}  // namespace crossmill::oci
