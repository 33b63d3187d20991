#include "coordinator/statements/step_statements.h"

#include <algorithm>
#include <string>
#include <vector>

#include "common/attest/dsse.h"
#include "common/attest/execution_statement.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/keys/ed25519.h"
#include "coordinator/core/build_state.h"

namespace crossmill::coordinator {
namespace {

absl::StatusOr<keys::PublicKey> CheckSignature(const v1::StepResult& result, const v1::WorkerInfo& worker,
                                               attest::Statement* statement) {
  if (result.statement().size() > attest::kMostExecutionBytes) {
    return absl::InvalidArgumentError(fmt::format("it has {} bytes; {} are the most",
                                                  result.statement().size(), attest::kMostExecutionBytes));
  }
  if (worker.public_key().empty())
    return absl::InvalidArgumentError("the worker told no key when it registered");
  ASSIGN_OR_RETURN(keys::PublicKey key, keys::PublicKey::FromPem(worker.public_key()));
  ASSIGN_OR_RETURN(const attest::Envelope envelope, attest::ParseEnvelope(result.statement()));
  if (envelope.payload_type != attest::kInTotoPayload)
    return absl::InvalidArgumentError("its payload is no in-toto statement");
  if (envelope.signatures.size() != 1 || envelope.signatures[0].key_id != key.id() ||
      !attest::IsSignedBy(envelope, key)) {
    return absl::InvalidArgumentError(
        "it is not signed with the key that the worker told when it registered");
  }
  ASSIGN_OR_RETURN(*statement, attest::ParseStatement(envelope.payload));
  return key;
}

}  // namespace

absl::Status StepStatements::CheckParents(const core::Attempt& attempt, const v1::StepResult& result) {
  if (result.statement().empty() || result.statement().size() > attest::kMostExecutionBytes)
    return absl::OkStatus();
  const auto envelope = attest::ParseEnvelope(result.statement());
  if (!envelope.ok()) return absl::OkStatus();
  const auto statement = attest::ParseStatement(envelope->payload);
  if (!statement.ok()) return absl::OkStatus();
  const auto claim = attest::ReadExecution(*statement);
  if (!claim.ok()) return absl::OkStatus();
  const std::vector<Digest> below = core::DiffIds(attempt.chain);
  const bool same = std::equal(below.begin(), below.end(), claim->parents.begin(), claim->parents.end(),
                               [](const Digest& one, const std::string& hash) { return one.hash == hash; });
  if (same) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("worker {} executed the step on other layers ({} of them) than it has in this build ({})",
                  attempt.worker, claim->parents.size(), below.size()));
}

absl::Status StepStatements::Keep(const core::Attempt& attempt, const v1::StepResult& result,
                                  const v1::WorkerInfo& worker, int64_t now_ns) {
  if (result.statement().empty()) return absl::OkStatus();
  absl::Status kept = CheckAndSave(attempt, result, worker, now_ns);
  if (absl::IsInvalidArgument(kept)) {
    LogWarning("build={} task={} worker={} execution={} statement dropped: {}", attempt.origin.build,
               attempt.task.name(), attempt.worker, attempt.execution, Sv(kept.message()));
  }
  return kept;
}

absl::Status StepStatements::CheckAndSave(const core::Attempt& attempt, const v1::StepResult& result,
                                          const v1::WorkerInfo& worker, int64_t now_ns) {
  attest::Statement statement;
  const auto key = CheckSignature(result, worker, &statement);
  RETURN_IF_ERROR(key.status());
  RETURN_IF_ERROR(attest::MatchesFacts(statement, {.platform = &attempt.task.platform(),
                                                   .parents = core::DiffIds(attempt.chain),
                                                   .step = &attempt.step(),
                                                   .step_key = attempt.key,
                                                   .result = &result,
                                                   .worker = &worker}));
  RETURN_IF_ERROR(NoteKey({key->id(), key->Pem(), worker.name(), now_ns}));
  return records_.Save(attempt.execution, {key->id(), result.statement()});
}

absl::Status StepStatements::NoteKey(const storage::SigningKeyRow& key) {
  ASSIGN_OR_RETURN(const bool is_new, records_.SaveKey(key));
  if (!is_new) return absl::OkStatus();
  ASSIGN_OR_RETURN(const int64_t keys, records_.CountKeys(key.worker));
  // Rightly so after its data folder was lost; else somebody else works under its name.
  if (keys > 1) {
    LogWarning("worker={} signs with another key than before key={} number={}", key.worker, key.id, keys);
  } else {
    LogInfo("worker={} signs with key={}", key.worker, key.id);
  }
  return absl::OkStatus();
}

}  // namespace crossmill::coordinator
