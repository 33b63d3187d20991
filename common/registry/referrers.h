// Documents about an image, put beside it in its registry and never inside: manifests with a `subject` (OCI
// image and distribution 1.1, "referrers"), so that the image's digests stay what they are.
#pragma once

#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/oci/image.h"
#include "common/registry/registry.h"

namespace crossmill::registry {

// One file of an artifact.
struct ArtifactFile {
  std::string media_type;
  std::string content;
  std::map<std::string, std::string> annotations;
};

struct Artifact {
  // The manifest or index that it is about, which is in the repository.
  oci::Descriptor subject;
  std::string artifact_type;
  std::vector<ArtifactFile> files;
  std::map<std::string, std::string> annotations;
};

// The artifact's manifest. The same value gives the same bytes.
std::string WriteArtifactManifest(const Artifact& artifact);

// What `index` (bytes of an OCI index; empty: there is none yet) becomes when the artifact is in it: what the
// fallback tag of a registry without a referrers API names. An artifact that it has already stays where it
// is. INVALID_ARGUMENT: no index.
absl::StatusOr<std::string> WithReferrer(std::string_view index, const Artifact& artifact,
                                         const Digest& manifest);

// "sha256-HEX": the fallback tag of a subject.
std::string ReferrersTag(const Digest& subject);

// Sends the artifact's files and its manifest, and returns the manifest's digest. Where the registry does not
// say that it took note of the subject (OCI-Subject), the manifest is put into the index under the subject's
// fallback tag, too; another client that does so at the same moment may take it out again, as the
// specification allows for. `store` gets the files. Errors as RegistryClient.
absl::StatusOr<Digest> PutArtifact(RegistryClient& registry, const oci::Reference& repository,
                                   BlobStore& store, const Artifact& artifact,
                                   const std::stop_token& stop = {});

}  // namespace crossmill::registry
