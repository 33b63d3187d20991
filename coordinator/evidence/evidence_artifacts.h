// Evidence as documents beside a pushed image: OCI artifacts that refer to its platforms' manifests. Pure.
#pragma once

#include <vector>

#include "common/oci/image.h"
#include "common/registry/referrers.h"
#include "coordinator/evidence/build_evidence.h"

namespace crossmill::coordinator {

// For each manifest among `documents` that there is evidence for: one artifact for each of the coordinator's
// statements, and one with the workers' statements and all public keys. Files have their names as titles
// (org.opencontainers.image.title), so that fetching all of them gives a folder that can be verified.
std::vector<registry::Artifact> EvidenceArtifacts(const std::vector<EvidencePiece>& pieces,
                                                  const std::vector<oci::Descriptor>& documents);

}  // namespace crossmill::coordinator
