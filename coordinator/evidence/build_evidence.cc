#include "coordinator/evidence/build_evidence.h"

#include <algorithm>
#include <utility>

#include "common/attest/dsse.h"
#include "common/attest/packages_spdx.h"
#include "common/attest/packages_statement.h"
#include "common/attest/provenance_statement.h"
#include "common/base/digest.h"
#include "common/base/status.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::coordinator {

struct BuildEvidence::Facts {
  v1::BuildView view;
  v1::BuildSubmission submission;
  v1::BuildPlan plan;
  std::vector<LocatedStep> steps;
  std::vector<LocatedPackage> packages;
  std::vector<EvidencePiece> pieces;
  // By execution: where its piece is, and what verdicts name it by.
  std::map<int64_t, size_t> executions;
  std::map<int64_t, attest::StatementReference> references;
  std::set<std::string> worker_keys;
};

namespace {

// "linux/arm/v7": "linux-arm-v7". Platforms have words of letters and digits.
std::string FileWord(const v1::Platform& platform) {
  std::string word = FormatPlatform(platform);
  std::replace(word.begin(), word.end(), '/', '-');
  return word;
}

std::string FileName(const v1::Platform& platform, const std::string& kind) {
  return fmt::format("{}.{}.intoto.json", FileWord(platform), kind);
}

bool HasEvidence(const v1::CellView& cell) {
  return !cell.image_manifest().hash().empty() && cell.has_comparison();
}

// The target's stage and those that it comes from: whose steps made the image's own layers.
std::set<uint32_t> ImageStages(const v1::BuildPlan& plan, uint32_t target) {
  std::set<uint32_t> stages;
  uint32_t at = target;
  while (at < static_cast<uint32_t>(plan.stages_size()) && stages.insert(at).second) {
    const v1::StagePlan& stage = plan.stages(static_cast<int>(at));
    if (stage.base_case() != v1::StagePlan::kBaseStage) break;
    at = stage.base_stage();
  }
  return stages;
}

bool IsOfCell(const v1::CellView& cell, uint32_t stage) {
  return std::find(cell.stages().begin(), cell.stages().end(), stage) != cell.stages().end();
}

}  // namespace

absl::StatusOr<std::vector<EvidencePiece>> BuildEvidence::Collect(const core::Scope& scope, int64_t build) {
  ASSIGN_OR_RETURN(const int64_t seen, reader_.walls().FindReadable(scope, build));
  ASSIGN_OR_RETURN(Facts facts, Load(seen));
  for (const v1::CellView& cell : facts.view.cells()) {
    if (HasEvidence(cell)) RETURN_IF_ERROR(AddCell(facts, cell));
  }
  RETURN_IF_ERROR(AddKeys(facts));
  return std::move(facts.pieces);
}

attest::PackagesFacts BuildEvidence::PackagesOf(const Facts& facts, const v1::CellView& cell) {
  attest::PackagesFacts packages;
  packages.cell = &cell;
  const std::set<uint32_t> image_stages = ImageStages(facts.plan, cell.target_stage());
  for (const LocatedPackage& package : facts.packages) {
    if (IsOfCell(cell, package.stage))
      packages.packages.push_back(
          {package.outcome, package.stage_name, image_stages.contains(package.stage)});
  }
  return packages;
}

absl::StatusOr<std::vector<ImageStatements>> BuildEvidence::Statements(const core::Scope& scope,
                                                                       int64_t build) {
  ASSIGN_OR_RETURN(const int64_t seen, reader_.walls().FindReadable(scope, build));
  ASSIGN_OR_RETURN(const Facts facts, Load(seen));
  std::vector<ImageStatements> all;
  for (const v1::CellView& cell : facts.view.cells()) {
    if (!HasEvidence(cell)) continue;
    ImageStatements& image = all.emplace_back();
    image.platform = cell.platform();
    image.manifest = FromProto(cell.image_manifest());
    ASSIGN_OR_RETURN(image.provenance, Provenance(facts, cell));
    image.spdx = attest::SpdxStatement(PackagesOf(facts, cell), facts.view.finished_at());
  }
  return all;
}

absl::StatusOr<BuildEvidence::Facts> BuildEvidence::Load(int64_t build) {
  Facts facts;
  ASSIGN_OR_RETURN(facts.view, reader_.Get(build));
  const int64_t id = facts.view.id();
  if (!IsFinished(facts.view.status())) {
    return absl::FailedPreconditionError(
        fmt::format("build {} has not ended: there is nothing to attest yet (crossmill watch {})", id, id));
  }
  if (std::none_of(facts.view.cells().begin(), facts.view.cells().end(), HasEvidence)) {
    return absl::FailedPreconditionError(
        fmt::format("build {} has no image that could be attested: it is {}", id, Word(facts.view.status())));
  }
  ASSIGN_OR_RETURN(facts.submission, committed_->LoadSubmission(id));
  ASSIGN_OR_RETURN(facts.plan, committed_->LoadPlan(id));
  ASSIGN_OR_RETURN(facts.steps, reader_.Steps(id));
  ASSIGN_OR_RETURN(facts.packages, reader_.Packages(id));
  return facts;
}

absl::Status BuildEvidence::AddCell(Facts& facts, const v1::CellView& cell) {
  attest::VerdictFacts verdict;
  verdict.cell = &cell;
  verdict.build = &facts.view;
  RETURN_IF_ERROR(AddExecutions(facts, cell, &verdict.statements));
  RETURN_IF_ERROR(Seal(facts, cell, "verdict", attest::VerdictStatement(verdict)));
  ASSIGN_OR_RETURN(const attest::Statement provenance, Provenance(facts, cell));
  RETURN_IF_ERROR(Seal(facts, cell, "provenance", provenance));
  return Seal(facts, cell, "packages", attest::PackagesStatement(PackagesOf(facts, cell)));
}

absl::Status BuildEvidence::AddExecutions(Facts& facts, const v1::CellView& cell,
                                          std::map<int64_t, attest::StatementReference>* references) {
  for (const v1::StepComparison& step : cell.comparison().steps()) {
    const std::string place =
        fmt::format("step {} of {} ({}:{})", step.step_number(), StagePhrase(step.stage_name()),
                    step.range().file(), step.range().first_line());
    for (const v1::Witness& witness : step.witnesses()) {
      if (witness.execution() == 0) continue;
      RETURN_IF_ERROR(AddExecution(facts, cell, place, witness.execution(), references));
    }
  }
  return absl::OkStatus();
}

absl::Status BuildEvidence::AddExecution(Facts& facts, const v1::CellView& cell, const std::string& place,
                                         int64_t execution,
                                         std::map<int64_t, attest::StatementReference>* references) {
  // A stage that several platforms share has one statement, which is evidence for each of their images.
  if (const auto known = facts.executions.find(execution); known != facts.executions.end()) {
    facts.pieces[known->second].images.insert(cell.image_digest());
    references->emplace(execution, facts.references.at(execution));
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const std::optional<storage::StatementRow> row, statements_.Find(execution));
  if (!row) return absl::OkStatus();
  ASSIGN_OR_RETURN(const storage::Execution ran, committed_->GetExecution(execution));
  auto platform = ParsePlatform(ran.platform);
  EvidencePiece piece;
  piece.platform = platform.ok() ? *std::move(platform) : cell.platform();
  piece.name = FileName(piece.platform, fmt::format("execution-{}", execution));
  piece.kind = "execution";
  piece.content = row->envelope;
  piece.subject = ran.tar.Oci();
  piece.predicate_type = attest::kExecutionPredicate;
  piece.key_id = row->key_id;
  piece.about = fmt::format("{} by {}{}", place, ran.worker, ran.emulated ? ", emulated" : "");
  piece.images.insert(cell.image_digest());
  facts.executions[execution] = facts.pieces.size();
  facts.references[execution] = {Sha256Hex(piece.content), row->key_id};
  facts.worker_keys.insert(row->key_id);
  references->emplace(execution, facts.references[execution]);
  facts.pieces.push_back(std::move(piece));
  return absl::OkStatus();
}

absl::StatusOr<attest::Statement> BuildEvidence::Provenance(const Facts& facts, const v1::CellView& cell) {
  attest::ProvenanceFacts provenance;
  provenance.cell = &cell;
  provenance.build = &facts.view;
  provenance.submission = &facts.submission;
  provenance.coordinator_key_id = key_.public_key().id();
  for (const LocatedStep& step : facts.steps) {
    if (!IsOfCell(cell, step.stage)) continue;
    ASSIGN_OR_RETURN(const v1::StepFetches fetches, reader_.Fetches(step.execution));
    for (const v1::Fetch& fetch : fetches.fetches()) {
      if (!fetch.sha256().empty()) {
        provenance.fetched.push_back({fetch.url(), fetch.sha256()});
      } else if (fetch.refused_by().empty()) {
        ++provenance.fetches_without_digest;
      }
    }
    for (const v1::HostFetches& more : fetches.more()) provenance.fetches_without_digest += more.fetches();
  }
  return attest::ProvenanceStatement(provenance);
}

absl::Status BuildEvidence::Seal(Facts& facts, const v1::CellView& cell, const std::string& kind,
                                 const attest::Statement& statement) {
  EvidencePiece piece;
  piece.platform = cell.platform();
  piece.name = FileName(cell.platform(), kind);
  piece.kind = kind;
  ASSIGN_OR_RETURN(piece.content, attest::SealStatement(attest::WriteStatement(statement), key_));
  piece.subject = cell.image_digest();
  piece.predicate_type = statement.predicate_type;
  piece.key_id = key_.public_key().id();
  piece.about = fmt::format("{} of build {}", FormatPlatform(cell.platform()), facts.view.id());
  if (kind == "verdict") piece.about += fmt::format(": {}", Word(cell.comparison().verdict()));
  piece.images.insert(cell.image_digest());
  facts.pieces.push_back(std::move(piece));
  return absl::OkStatus();
}

absl::Status BuildEvidence::AddKeys(Facts& facts) {
  EvidencePiece own;
  own.name = "coordinator.pem";
  own.kind = "key";
  own.content = key_.public_key().Pem();
  own.key_id = key_.public_key().id();
  own.key_holder = "coordinator";
  facts.pieces.push_back(std::move(own));
  for (const std::string& id : facts.worker_keys) {
    ASSIGN_OR_RETURN(const storage::SigningKeyRow key, statements_.FindKey(id));
    EvidencePiece piece;
    // A worker's name may hold what a file's must not.
    piece.name = fmt::format("worker-{}.pem", id.substr(0, 16));
    piece.kind = "key";
    piece.content = key.pem;
    piece.key_id = id;
    piece.key_holder = "worker " + key.worker;
    facts.pieces.push_back(std::move(piece));
  }
  return absl::OkStatus();
}

}  // namespace crossmill::coordinator
