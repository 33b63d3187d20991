// Statements about images in the form that BuildKit gives them: a manifest beside each platform's, in the
// image's index. Facts: the format that clients and scanners read ("attestation manifest").
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/attest/statement.h"
#include "common/base/blob_store.h"
#include "common/oci/image.h"
#include "coordinator/buildkit/outputs/exporter_options.h"
#include "coordinator/evidence/build_evidence.h"
#include "coordinator/rpc/authenticator.h"

namespace crossmill::coordinator::buildkit {

// What is stated about one platform's image.
struct PlatformStatements {
  // The farm's own manifest of it.
  Digest manifest;
  std::vector<attest::Statement> statements;
};

// Those that the exporter takes, of what the farm knows. FAILED_PRECONDITION: this farm makes no evidence.
absl::StatusOr<std::vector<PlatformStatements>> StatementsFor(const BuiltImage& image,
                                                              const AttestationOptions& asked,
                                                              const ExporterOptions& exporter,
                                                              const Roles& caller, BuildEvidence* evidence);

// "pkg:docker/team/app@1?platform=linux%2Farm64", as BuildKit names what a statement is about.
std::string ImageUrl(const std::string& name, const v1::Platform& platform);

// The statement about other bytes: the image as it is exported, under each of its names.
attest::Statement WithSubjects(attest::Statement statement, const std::vector<std::string>& names,
                               const v1::Platform& platform, const Digest& manifest);

// Puts the statements and their manifest into the store; `image`: the exported manifest that they are about.
// The descriptor is for the index.
absl::StatusOr<oci::Descriptor> PutAttestationManifest(BlobStore& blobs, const oci::Descriptor& image,
                                                       const std::vector<attest::Statement>& statements,
                                                       bool oci_artifact);

}  // namespace crossmill::coordinator::buildkit
