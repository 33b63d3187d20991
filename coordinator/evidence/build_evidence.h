// The evidence of a finished build: what its workers signed about the executions that its images and verdicts
// rest on, and the coordinator's own statements, made from the record when somebody asks.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/attest/packages_statement.h"
#include "common/attest/statement.h"
#include "common/attest/verdict_statement.h"
#include "common/base/digest.h"
#include "common/keys/ed25519.h"
#include "coordinator/core/standing/scope.h"
#include "coordinator/engine/farm_reader.h"
#include "coordinator/storage/record_store.h"
#include "coordinator/storage/statement_records.h"
#include "crossmill/v1/build.pb.h"

namespace crossmill::coordinator {

// v1.EvidenceFile as the farm has it.
struct EvidencePiece {
  std::string name;
  // "execution", "verdict", "provenance", "packages" or "key".
  std::string kind;
  std::string content;
  // Of a statement.
  v1::Platform platform;
  // "sha256:..." of an image manifest or a layer.
  std::string subject;
  std::string predicate_type;
  std::string key_id;
  std::string key_holder;
  std::string about;
  // Of a statement: the image manifests ("sha256:...") that it is evidence for.
  std::set<std::string> images;
};

// What the coordinator states of one platform's image, not signed yet.
struct ImageStatements {
  v1::Platform platform;
  // The subject of the statements: the farm's own manifest of it.
  Digest manifest;
  attest::Statement provenance;
  attest::Statement spdx;
};

// Thread safe. What it is given outlives it.
class BuildEvidence {
 public:
  // `committed`: a store of its own, for questions.
  BuildEvidence(FarmReader& reader, std::unique_ptr<storage::RecordStore> committed, keys::SigningKey key)
      : reader_(reader),
        committed_(std::move(committed)),
        statements_(committed_->connection()),
        key_(std::move(key)) {}

  // Of a build (0: the latest) that has ended: for each platform that has an image. The same record gives the
  // same bytes. NOT_FOUND: the scope sees no such build; FAILED_PRECONDITION: it has not ended, or has no
  // image.
  absl::StatusOr<std::vector<EvidencePiece>> Collect(const core::Scope& scope, int64_t build);

  // For an index that has such statements in it. Errors as Collect.
  absl::StatusOr<std::vector<ImageStatements>> Statements(const core::Scope& scope, int64_t build);

 private:
  // Everything known of the build while its pieces are made.
  struct Facts;

  absl::StatusOr<Facts> Load(int64_t build);
  // The workers' statements about the executions that the cell's verdict lists.
  absl::Status AddExecutions(Facts& facts, const v1::CellView& cell,
                             std::map<int64_t, attest::StatementReference>* references);
  absl::Status AddExecution(Facts& facts, const v1::CellView& cell, const std::string& place,
                            int64_t execution, std::map<int64_t, attest::StatementReference>* references);
  absl::Status AddCell(Facts& facts, const v1::CellView& cell);
  static attest::PackagesFacts PackagesOf(const Facts& facts, const v1::CellView& cell);
  absl::StatusOr<attest::Statement> Provenance(const Facts& facts, const v1::CellView& cell);
  absl::Status Seal(Facts& facts, const v1::CellView& cell, const std::string& kind,
                    const attest::Statement& statement);
  absl::Status AddKeys(Facts& facts);

  FarmReader& reader_;
  const std::unique_ptr<storage::RecordStore> committed_;
  storage::StatementRecords statements_;
  const keys::SigningKey key_;
};

}  // namespace crossmill::coordinator
