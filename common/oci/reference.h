// Image references as people write them, normalised as docker does.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace crossmill::oci {

struct Reference {
  // Host with optional port: "docker.io", "localhost:5000".
  std::string registry;
  // "library/python".
  std::string repository;
  // Empty only if there is a digest.
  std::string tag;
  // "sha256:..." or empty. With a tag beside it, the digest decides.
  std::string digest;

  // "docker.io/library/python:3.11", "host/name@sha256:...", "host/name:tag@sha256:...".
  std::string ToString() const;
  // "docker.io/library/python".
  std::string Name() const { return registry + "/" + repository; }
  // What people write: "python", "team/app", else as Name().
  std::string FamiliarName() const;
  bool operator==(const Reference&) const = default;
};

// "python" -> docker.io/library/python:latest; "team/app:1" -> docker.io/team/app:1;
// "localhost:5000/app", "registry.example/app@sha256:..." as they stand. The first component is a
// registry if it contains a dot or a colon or is "localhost".
// INVALID_ARGUMENT says what is wrong with the reference.
absl::StatusOr<Reference> ParseReference(std::string_view text);

}  // namespace crossmill::oci
