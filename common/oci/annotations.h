// Annotations of images as `docker buildx build --annotation` writes them. Pure.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "crossmill/v1/build.pb.h"

namespace crossmill::oci {

// Where an annotation goes: into the index or the manifest, or to the descriptor that names them (the index's one
// for a manifest; the OCI layout's index.json for an index).
enum class AnnotationLevel { kIndex, kManifest, kIndexDescriptor, kManifestDescriptor };

struct Annotation {
  std::set<AnnotationLevel> levels;
  // Only manifests (and their descriptors) of this platform.
  std::optional<v1::Platform> platform;
  std::string name;
  std::string value;
};

// "NAME", "LEVEL:NAME", "LEVEL[OS/ARCH]:NAME", "LEVEL,LEVEL:NAME"; without a level: of the manifest.
// INVALID_ARGUMENT says what is wrong with it.
absl::StatusOr<Annotation> ParseAnnotation(std::string_view name, std::string_view value);

// Those for one level, and for a manifest of `platform` (null for an index).
absl::StatusOr<std::map<std::string, std::string>> AnnotationsFor(absl::Span<const v1::BuildArgument> annotations,
                                                                  AnnotationLevel level,
                                                                  const v1::Platform* platform);

}  // namespace crossmill::oci
