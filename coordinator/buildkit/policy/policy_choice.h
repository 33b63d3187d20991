// What a policy makes of each kind of source that a build of the farm takes: the name that BuildKit gives it,
// the question, and the answer in the farm's own words. Pure.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "coordinator/buildkit/policy/source_policy.h"

namespace crossmill::coordinator::buildkit {

// Errors of all of them are those of SourcePolicy::Evaluate; UNIMPLEMENTED, with the name of what it says:
// a source of another kind, or an attribute that is not applied here.

// A base image: which one is to be taken, "docker.io/library/alpine:3@sha256:...". `digest`: of the image's
// root, once that is known ("sha256:..."): BuildKit asks with and without. `pull`: the client wants it asked
// for anew. What is not changed comes back as it was given, but for a digest that a policy's answer has no
// need of.
absl::StatusOr<std::string> ChooseImage(const SourcePolicy& policy, const std::string& reference,
                                        std::string_view digest, bool pull);

// A file by its URL.
struct ChosenFile {
  std::string url;
  // "sha256:..." or empty.
  std::string checksum;
};
// `name`: of the file, as BuildKit has it in "http.filename".
absl::StatusOr<ChosenFile> ChooseFile(const SourcePolicy& policy, ChosenFile file, std::string_view name);

// A repository.
struct ChosenRepository {
  // With its "#ref:folder" or query.
  std::string url;
  // A commit or the beginning of one, or empty.
  std::string checksum;
  bool keep_git_dir = false;
};
// INVALID_ARGUMENT: the URL is none, or what the policy says is none.
absl::StatusOr<ChosenRepository> ChooseRepository(const SourcePolicy& policy, ChosenRepository repository);

// What can only be taken as it is, or not at all: "local://context", "oci-layout://...".
absl::Status CheckSource(const SourcePolicy& policy, const std::string& identifier);

}  // namespace crossmill::coordinator::buildkit
