#include "coordinator/buildkit/outputs/recorded_statements.h"

#include <utility>

#include "common/attest/provenance_statement.h"
#include "common/attest/statement.h"
#include "common/base/status.h"
#include "coordinator/buildkit/outputs/exporter_options.h"
#include "coordinator/evidence/build_evidence.h"

namespace crossmill::coordinator::buildkit {
namespace {

RecordedStatement Recorded(const v1::Platform& platform, const attest::Statement& statement) {
  RecordedStatement recorded;
  recorded.platform = platform;
  recorded.predicate_type = statement.predicate_type;
  recorded.predicate = attest::WriteSortedJson(statement.predicate);
  recorded.digest = DigestOf(recorded.predicate);
  return recorded;
}

}  // namespace

absl::StatusOr<std::vector<RecordedStatement>> StatementsToRecord(
    BuildEvidence* evidence, const core::Scope& scope, int64_t build,
    const std::map<std::string, std::string>& asked) {
  std::vector<RecordedStatement> recorded;
  if (evidence == nullptr) return recorded;
  ASSIGN_OR_RETURN(const AttestationOptions options, ReadAttestations(asked));
  ASSIGN_OR_RETURN(std::vector<ImageStatements> known, evidence->Statements(scope, build));
  for (ImageStatements& each : known) {
    const bool full = options.provenance && options.full_provenance;
    recorded.push_back(Recorded(each.platform, full ? std::move(each.provenance)
                                                    : attest::MinimalProvenance(std::move(each.provenance))));
    if (options.sbom) recorded.push_back(Recorded(each.platform, each.spdx));
  }
  return recorded;
}

absl::StatusOr<RecordedStatement> FindStatement(BuildEvidence* evidence, const core::Scope& scope,
                                                int64_t build, const std::string& digest) {
  if (evidence != nullptr) {
    ASSIGN_OR_RETURN(const std::vector<ImageStatements> known, evidence->Statements(scope, build));
    for (const ImageStatements& each : known) {
      for (const attest::Statement& statement :
           {attest::MinimalProvenance(each.provenance), each.provenance, each.spdx}) {
        RecordedStatement recorded = Recorded(each.platform, statement);
        if (recorded.digest.Oci() == digest) return recorded;
      }
    }
  }
  return absl::NotFoundError(
      fmt::format("{}: the record of build {} has no such statement any more", digest, build));
}

}  // namespace crossmill::coordinator::buildkit
