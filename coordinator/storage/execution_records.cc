// RecordStore's executions (step cache, witnesses) and packages.
#include <algorithm>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/words/normalize_rules.h"
#include "coordinator/storage/connection.h"
#include "coordinator/storage/package_index.h"
#include "coordinator/storage/package_row.h"
#include "coordinator/storage/record_store.h"

namespace crossmill::storage {
namespace {

// The columns that ReadExecution reads, in its order.
#define EXECUTION_COLUMNS                                                                                  \
  "id, key, build, stage, step_number, replica, lease, worker, host_id, host_name, emulated, started_at, " \
  "finished_at, duration_ns, exit_code, failure, timed_out, tar_hash, tar_size, manifest_hash, "           \
  "manifest_size, content_bytes, platform, variation, circumstances"

constexpr Sql kLastExecution{"look up the last execution",
                             "SELECT seq FROM sqlite_sequence WHERE name = 'executions'"};
constexpr Sql kSkipExecutions{"leave out numbers of executions",
                              "UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'executions' AND seq < ?1"};
constexpr Sql kBeginSequence{"number executions",
                             "INSERT INTO sqlite_sequence (name, seq) SELECT 'executions', 0 "
                             "WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'executions')"};
constexpr Sql kBeginExecution{
    "begin an execution",
    "INSERT INTO executions (key, build, stage, step_number, replica, lease, worker, "
    "host_id, host_name, emulated, started_at, shape, platform, variation) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"};
constexpr Sql kFinishExecution{
    "finish an execution",
    "UPDATE executions SET finished_at = ?2, "
    "duration_ns = coalesce(?3, max(?2 - started_at, 0)), exit_code = ?4, failure = ?5, "
    "timed_out = ?6, tar_hash = ?7, tar_size = ?8, manifest_hash = ?9, "
    "manifest_size = ?10, content_bytes = ?11, emulated = max(emulated, ?12), cpu_ns = ?13, "
    "peak_memory = ?14, cpu_wait_share = ?15, circumstances = ?16, accelerator = ?17, "
    "accelerator_equal = ?18 "
    "WHERE id = ?1 AND finished_at IS NULL AND abandoned = 0"};
constexpr Sql kAbandonExecution{"abandon an execution",
                                "UPDATE executions SET abandoned = 1 WHERE id = ?1 AND finished_at IS NULL"};
constexpr Sql kGetExecution{"load an execution",
                            "SELECT " EXECUTION_COLUMNS " FROM executions WHERE id = ?1"};
constexpr Sql kUnfinishedExecutions{"find unfinished executions",
                                    "SELECT " EXECUTION_COLUMNS
                                    " FROM executions "
                                    "WHERE finished_at IS NULL AND abandoned = 0 ORDER BY id"};
// Success is what Execution::succeeded says.
constexpr Sql kFindReusable{
    "look up the step cache",
    "SELECT " EXECUTION_COLUMNS
    " FROM executions "
    "WHERE key = ?1 AND finished_at IS NOT NULL AND started_at >= ?2 AND exit_code = 0 AND "
    "failure = '' AND timed_out = 0 AND tar_hash IS NOT NULL AND (?3 = 0 OR emulated = 0) AND "
    "(variation = 0 OR endorsed = 1) AND outvoted_in IS NULL AND distrusted_at IS NULL AND "
    "(?4 = 0 OR accelerator = '' OR accelerator_equal = 1) "
    "ORDER BY replica <> 0, finished_at, id LIMIT 1"};
constexpr Sql kWitnesses{
    "load the executions of a key",
    "SELECT " EXECUTION_COLUMNS
    " FROM executions "
    "WHERE key = ?1 AND finished_at IS NOT NULL AND started_at >= ?2 AND "
    // Of a build that was running then it is the fact that it went on from, and stays one.
    "(distrusted_at IS NULL OR started_at >= ?3) AND "
    "(started_at >= ?3 OR (exit_code = 0 AND failure = '' AND timed_out = 0 AND tar_hash IS NOT NULL)) "
    "ORDER BY finished_at, id"};

constexpr Sql kMarkOutvoted{"mark an execution that was outvoted",
                            "UPDATE executions SET outvoted_in = ?2 WHERE id = ?1 AND outvoted_in IS NULL"};
constexpr Sql kEndorse{"mark an execution that outvoted another",
                       "UPDATE executions SET endorsed = 1 WHERE id = ?1"};
constexpr Sql kOutvoted{
    "count executions that were outvoted",
    "SELECT worker, count(*) FROM executions WHERE outvoted_in IS NOT NULL GROUP BY worker"};

constexpr Sql kPastUse{
    "look up what a step used",
    "SELECT duration_ns, cpu_ns, peak_memory, cpu_wait_share FROM executions "
    "WHERE shape = ?1 AND emulated = ?2 AND cpu_ns IS NOT NULL AND exit_code = 0 AND failure = '' "
    "ORDER BY id DESC LIMIT 1"};

constexpr Sql kDeletePackages{"replace the packages of an execution",
                              "DELETE FROM packages WHERE execution = ?1"};
constexpr Sql kInsertPackage{
    "save a package",
    "INSERT INTO packages (execution, position, name, version, outcome, scope, tag, "
    "file_name, seconds, built_sha256, built_size, failure_class, failure_line, remedy, "
    "witnesses, conflict, emulated, environment, installed, compiled_in_build, compiled_by_execution, "
    "remedy_lines) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, "
    "?19, ?20, ?21, ?22)"};
constexpr Sql kPackages{"load the packages of an execution",
                        "SELECT " PACKAGE_COLUMNS
                        " FROM packages p WHERE p.execution = ?1 ORDER BY p.position"};

absl::Status NoSuchExecution(int64_t id) {
  return absl::NotFoundError(fmt::format("there is no execution {}", id));
}

Digest ReadDigest(const Statement& row, int column) {
  return row.IsNull(column) ? Digest{} : Digest{std::string(row.Text(column)), row.Int64(column + 1)};
}

Execution ReadExecution(const Statement& row) {
  Execution execution;
  execution.id = row.Int64(0);
  execution.key = row.Text(1);
  execution.build = row.Int64(2);
  execution.stage = static_cast<uint32_t>(row.Int64(3));
  execution.step_number = static_cast<uint32_t>(row.Int64(4));
  execution.replica = static_cast<uint32_t>(row.Int64(5));
  execution.lease = static_cast<uint64_t>(row.Int64(6));
  execution.worker = row.Text(7);
  execution.host_id = row.Text(8);
  execution.host_name = row.Text(9);
  execution.emulated = row.Int64(10) != 0;
  execution.started_at = row.Int64(11);
  execution.finished_at = row.OptionalInt64(12);
  execution.duration_ns = row.Int64(13);
  execution.exit_code = static_cast<int32_t>(row.Int64(14));
  execution.failure = row.Text(15);
  execution.timed_out = row.Int64(16) != 0;
  execution.tar = ReadDigest(row, 17);
  execution.manifest = ReadDigest(row, 19);
  execution.content_bytes = row.Int64(21);
  execution.platform = row.Text(22);
  execution.variation = static_cast<uint32_t>(row.Int64(23));
  if (!row.IsNull(24)) {
    v1::StepResult told;
    const std::string_view bytes = row.Bytes(24);
    // A record that cannot be read tells nothing.
    if (told.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      execution.circumstances.assign(told.circumstances().begin(), told.circumstances().end());
      execution.normalizations.assign(told.normalizations().begin(), told.normalizations().end());
      if (told.has_use()) execution.use = std::move(*told.mutable_use());
      if (told.has_bound()) execution.bound = std::move(*told.mutable_bound());
      if (told.has_acceleration()) execution.acceleration = std::move(*told.mutable_acceleration());
      if (told.has_acceleration_check())
        execution.acceleration_check = std::move(*told.mutable_acceleration_check());
    }
  }
  return execution;
}

absl::StatusOr<std::vector<Execution>> ReadExecutions(Statement& query) {
  std::vector<Execution> executions;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return executions;
    executions.push_back(ReadExecution(query));
  }
}

// A worker's word: times that are none are not kept.
void AddUse(const v1::StepResult& result, v1::StepResult* told) {
  if (result.has_bound()) *told->mutable_bound() = result.bound();
  if (!result.has_use()) return;
  v1::StepUse& use = *told->mutable_use();
  use = result.use();
  const auto good = [](double seconds) { return seconds >= 0 && seconds < 1e9; };
  if (!good(use.user_seconds())) use.clear_user_seconds();
  if (!good(use.system_seconds())) use.clear_system_seconds();
}

// A worker's word: no more than a set has.
void AddAcceleration(const v1::StepResult& result, v1::StepResult* told) {
  constexpr int kMostTools = 50;
  constexpr int kMostUnmatched = 20;
  constexpr size_t kLongestText = 4096;
  if (result.has_acceleration()) {
    const v1::StepAcceleration& set = result.acceleration();
    v1::StepAcceleration& kept = *told->mutable_acceleration();
    kept.set_set(std::string(CutBetweenCharacters(set.set(), kLongestText)));
    kept.set_digest(std::string(CutBetweenCharacters(set.digest(), kLongestText)));
    for (const std::string& tool : set.tools())
      if (kept.tools_size() < kMostTools && tool.size() <= kLongestText) kept.add_tools(tool);
    for (const std::string& line : set.unmatched())
      if (kept.unmatched_size() < kMostUnmatched && line.size() <= kLongestText) kept.add_unmatched(line);
  }
  if (result.has_acceleration_check()) {
    v1::AccelerationCheck& kept = *told->mutable_acceleration_check();
    kept = result.acceleration_check();
    // Half a character would make all that is told of the execution unreadable.
    for (std::string* text : {kept.mutable_set(), kept.mutable_digest(), kept.mutable_reason()})
      text->resize(CutBetweenCharacters(*text, kLongestText).size());
    kept.mutable_path()->resize(std::min(kept.path().size(), kLongestText));
    const auto good = [](double seconds) { return seconds >= 0 && seconds < 1e9; };
    if (!good(kept.accelerated_seconds())) kept.clear_accelerated_seconds();
    if (!good(kept.emulated_seconds())) kept.clear_emulated_seconds();
  }
}

// A worker's word: of rules that there are, each once, and no more than a step can do.
void AddNormalizations(const v1::StepResult& result, v1::StepResult* told) {
  constexpr int kMostTexts = 16;
  constexpr size_t kLongestText = 4096;
  const auto keep = [](const auto& from, auto* to) {
    for (const std::string& text : from)
      if (to->size() < kMostTexts && text.size() <= kLongestText) *to->Add() = text;
  };
  for (const NormalizeRule& rule : NormalizeRules()) {
    for (const v1::Normalization& one : result.normalizations()) {
      if (one.rule() != rule.name) continue;
      v1::Normalization& kept = *told->add_normalizations();
      kept.set_rule(one.rule());
      kept.set_files(one.files());
      keep(one.package_files(), kept.mutable_package_files());
      keep(one.variables(), kept.mutable_variables());
      break;
    }
  }
}

// Hash and size columns of a digest that may be missing.
struct DigestColumns {
  template <typename Message>
  DigestColumns(bool present, const Message& digest) {
    if (!present || digest.hash().empty()) return;
    hash = digest.hash();
    size = digest.size_bytes();
  }
  std::optional<std::string> hash;
  std::optional<int64_t> size;
};

// Dockerfile lines: none has a line feed in it.
std::string JoinLines(const v1::PackageOutcome& package) {
  std::string joined;
  for (const std::string& line : package.remedy_lines()) joined += line + '\n';
  return joined;
}

std::string JoinWitnesses(const v1::PackageOutcome& package) {
  std::string joined;
  for (const std::string& witness : package.witnesses()) {
    if (!joined.empty()) joined += ',';
    joined += witness;
  }
  return joined;
}

}  // namespace

v1::Layer Execution::layer() const {
  v1::Layer layer;
  if (!tar.empty()) ToProto(tar, layer.mutable_tar());
  if (!manifest.empty()) ToProto(manifest, layer.mutable_manifest());
  return layer;
}

// ---- executions ----

absl::StatusOr<int64_t> RecordStore::LastExecution() {
  RecursiveMutexLock lock(connection_->mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_->Use(kLastExecution));
  ASSIGN_OR_RETURN(const bool row, query->Step());
  return row ? query->Int64(0) : 0;
}

absl::Status RecordStore::SkipExecutions(int64_t up_to) {
  RecursiveMutexLock lock(connection_->mutex());
  if (up_to > 0) RETURN_IF_ERROR(connection_->Run(kBeginSequence));
  return connection_->Run(kSkipExecutions, up_to);
}

absl::StatusOr<int64_t> RecordStore::BeginExecution(const Execution& execution) {
  std::optional<uint64_t> lease;
  if (execution.lease != 0) lease = execution.lease;
  RecursiveMutexLock lock(connection_->mutex());
  RETURN_IF_ERROR(connection_->Run(
      kBeginExecution, execution.key, execution.build, execution.stage, execution.step_number,
      execution.replica, lease, execution.worker, execution.host_id, execution.host_name, execution.emulated,
      execution.started_at, execution.shape, execution.platform, execution.variation));
  return connection_->LastInsertId();
}

absl::Status RecordStore::FinishExecution(int64_t id, const v1::StepResult& result, int64_t finished_at) {
  std::optional<int64_t> duration;
  if (result.started_at() > 0 && result.finished_at() >= result.started_at()) {
    duration = result.finished_at() - result.started_at();
  }
  std::optional<int64_t> cpu;
  std::optional<int64_t> memory;
  if (result.has_cpu_seconds()) {
    // A worker's word: nothing that it says is too large for a column.
    cpu = result.cpu_seconds() > 0 ? static_cast<int64_t>(std::min(result.cpu_seconds(), 1e9) * 1e9) : 0;
    memory = static_cast<int64_t>(std::min<uint64_t>(result.peak_memory(), INT64_MAX));
  }
  const double waited = result.cpu_wait_share() > 0 ? std::min(result.cpu_wait_share(), 1.0) : 0;
  v1::StepResult told;
  *told.mutable_circumstances() = result.circumstances();
  AddNormalizations(result, &told);
  AddUse(result, &told);
  AddAcceleration(result, &told);
  const std::string told_bytes = told.SerializeAsString();
  std::optional<Blob> circumstances;
  if (!told_bytes.empty()) circumstances = Blob{told_bytes};
  const DigestColumns tar(result.layer().has_tar(), result.layer().tar());
  const DigestColumns manifest(result.layer().has_manifest(), result.layer().manifest());
  RecursiveMutexLock lock(connection_->mutex());
  RETURN_IF_ERROR(connection_->Run(
      kFinishExecution, id, finished_at, duration, result.exit_code(), result.failure(), result.timed_out(),
      tar.hash, tar.size, manifest.hash, manifest.size, result.content_bytes(), result.emulated(), cpu,
      memory, waited, circumstances, told.acceleration().digest(),
      told.acceleration_check().outcome() == v1::AccelerationCheck::OUTCOME_EQUAL));
  if (connection_->Changes() == 1) return absl::OkStatus();
  RETURN_IF_ERROR(GetExecution(id).status());
  return absl::FailedPreconditionError(fmt::format("execution {} is finished or abandoned already", id));
}

absl::Status RecordStore::AbandonExecution(int64_t id) {
  RecursiveMutexLock lock(connection_->mutex());
  RETURN_IF_ERROR(connection_->Run(kAbandonExecution, id));
  if (connection_->Changes() == 1) return absl::OkStatus();
  RETURN_IF_ERROR(GetExecution(id).status());
  return absl::FailedPreconditionError(fmt::format("execution {} is finished already", id));
}

absl::StatusOr<std::optional<core::PastUse>> RecordStore::PastUse(const std::string& shape, bool emulated) {
  RecursiveMutexLock lock(connection_->mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_->Use(kPastUse));
  query->Bind(shape, emulated);
  ASSIGN_OR_RETURN(const bool found, query->Step());
  if (!found) return std::nullopt;
  return core::PastUse{query->Int64(0), query->Int64(1), query->Int64(2), query->Double(3)};
}

absl::StatusOr<Execution> RecordStore::GetExecution(int64_t id) {
  RecursiveMutexLock lock(connection_->mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_->Use(kGetExecution));
  query->Bind(id);
  ASSIGN_OR_RETURN(const bool found, query->Step());
  if (!found) return NoSuchExecution(id);
  return ReadExecution(*query);
}

absl::StatusOr<std::vector<Execution>> RecordStore::UnfinishedExecutions() {
  RecursiveMutexLock lock(connection_->mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_->Use(kUnfinishedExecutions));
  return ReadExecutions(*query);
}

absl::StatusOr<std::optional<Execution>> RecordStore::FindReusable(std::string_view key, int64_t since_ns,
                                                                   bool forbid_emulation,
                                                                   bool forbid_acceleration) {
  RecursiveMutexLock lock(connection_->mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_->Use(kFindReusable));
  query->Bind(key, since_ns, forbid_emulation, forbid_acceleration);
  ASSIGN_OR_RETURN(const bool found, query->Step());
  if (!found) return std::optional<Execution>();
  return ReadExecution(*query);
}

absl::StatusOr<std::vector<Execution>> RecordStore::Witnesses(std::string_view key, int64_t since_ns,
                                                              int64_t failures_since_ns) {
  RecursiveMutexLock lock(connection_->mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_->Use(kWitnesses));
  query->Bind(key, since_ns, failures_since_ns);
  return ReadExecutions(*query);
}

absl::Status RecordStore::MarkOutvoted(int64_t execution, int64_t build) {
  RecursiveMutexLock lock(connection_->mutex());
  return connection_->Run(kMarkOutvoted, execution, build);
}

absl::Status RecordStore::Endorse(int64_t execution) {
  RecursiveMutexLock lock(connection_->mutex());
  return connection_->Run(kEndorse, execution);
}

absl::StatusOr<std::map<std::string, int64_t>> RecordStore::Outvoted() {
  RecursiveMutexLock lock(connection_->mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_->Use(kOutvoted));
  std::map<std::string, int64_t> counts;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return counts;
    counts.emplace(query->Text(0), query->Int64(1));
  }
}

// ---- packages ----

absl::Status RecordStore::SavePackages(int64_t execution, absl::Span<const v1::PackageOutcome> packages) {
  return Transact([&]() -> absl::Status {
    RecursiveMutexLock lock(connection_->mutex());
    RETURN_IF_ERROR(UnindexPackages(*connection_, execution));
    RETURN_IF_ERROR(connection_->Run(kDeletePackages, execution));
    int64_t position = 0;
    for (const v1::PackageOutcome& package : packages) {
      RETURN_IF_ERROR(connection_->Run(
          kInsertPackage, execution, position++, package.name(), package.version(),
          static_cast<int>(package.outcome()), package.scope(), package.tag(), package.file_name(),
          package.seconds(), package.built_sha256(), package.built_size(), package.failure_class(),
          package.failure_line(), package.remedy(), JoinWitnesses(package), package.conflict(),
          package.emulated(), package.environment(), package.installed(), package.compiled_in_build(),
          package.compiled_by_execution(), JoinLines(package)));
    }
    return IndexPackages(*connection_, execution);
  });
}

absl::StatusOr<std::vector<v1::PackageOutcome>> RecordStore::Packages(int64_t execution) {
  RecursiveMutexLock lock(connection_->mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_->Use(kPackages));
  query->Bind(execution);
  std::vector<v1::PackageOutcome> packages;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return packages;
    packages.push_back(ReadPackage(*query, 0));
  }
}

}  // namespace crossmill::storage
