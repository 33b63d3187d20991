#include "coordinator/evidence/evidence_artifacts.h"

#include <string>
#include <utility>

#include "common/attest/dsse.h"
#include "common/attest/statement.h"

namespace crossmill::coordinator {
namespace {

constexpr char kTitle[] = "org.opencontainers.image.title";
// As builders and scanners name it beside in-toto statements.
constexpr char kPredicateType[] = "in-toto.io/predicate-type";
constexpr char kKind[] = "crossmill.evidence";
constexpr char kPemType[] = "application/x-pem-file";

registry::ArtifactFile FileOf(const EvidencePiece& piece) {
  registry::ArtifactFile file;
  file.media_type = piece.kind == "key" ? std::string(kPemType) : std::string(attest::kEnvelopeMediaType);
  file.content = piece.content;
  file.annotations[kTitle] = piece.name;
  if (!piece.predicate_type.empty()) file.annotations[kPredicateType] = piece.predicate_type;
  return file;
}

registry::Artifact ArtifactOf(const oci::Descriptor& subject, const std::string& kind,
                              std::string predicate_type) {
  registry::Artifact artifact;
  artifact.subject = subject;
  artifact.artifact_type = attest::kEnvelopeMediaType;
  artifact.annotations[kKind] = kind;
  artifact.annotations[kPredicateType] = std::move(predicate_type);
  return artifact;
}

}  // namespace

std::vector<registry::Artifact> EvidenceArtifacts(const std::vector<EvidencePiece>& pieces,
                                                  const std::vector<oci::Descriptor>& documents) {
  std::vector<registry::Artifact> artifacts;
  for (const oci::Descriptor& document : documents) {
    registry::Artifact executions =
        ArtifactOf(document, "executions", std::string(attest::kExecutionPredicate));
    bool has_evidence = false;
    for (const EvidencePiece& piece : pieces) {
      const bool about_it = piece.images.contains(document.digest.Oci());
      has_evidence |= about_it;
      if (piece.kind == "key" || (piece.kind == "execution" && about_it)) {
        executions.files.push_back(FileOf(piece));
      } else if (about_it) {
        registry::Artifact artifact = ArtifactOf(document, piece.kind, piece.predicate_type);
        artifact.files.push_back(FileOf(piece));
        artifacts.push_back(std::move(artifact));
      }
    }
    if (has_evidence) artifacts.push_back(std::move(executions));
  }
  return artifacts;
}

}  // namespace crossmill::coordinator
