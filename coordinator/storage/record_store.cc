// RecordStore without executions and packages (execution_records.cc).
#include "coordinator/storage/record_store.h"

#include <algorithm>

#include "common/base/status.h"
#include "common/words/words.h"
#include "coordinator/core/standing/author.h"
#include "coordinator/storage/connection.h"
#include "coordinator/storage/history_records.h"
#include "coordinator/storage/notices/state_records.h"
#include "coordinator/storage/overview/overview_index.h"
#include "coordinator/storage/package_index.h"

namespace crossmill::storage {
namespace {

constexpr Sql kInsertBuild{
    "insert a build",
    "INSERT INTO builds (idempotency_key, submission_digest, submission, submitted_at, view, "
    "status, ahead_of) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"};
constexpr Sql kInsertBuildProject{"note the project of a build",
                                  "INSERT INTO build_projects (build, project) VALUES (?1, ?2)"};
constexpr Sql kSetView{"save the view of a build", "UPDATE builds SET view = ?2 WHERE id = ?1"};
constexpr Sql kFindIdempotent{"look up an idempotency key",
                              "SELECT id, submission_digest FROM builds WHERE idempotency_key = ?1 AND "
                              "submitted_at >= ?2 ORDER BY id DESC LIMIT 1"};
constexpr Sql kSavePlan{"save the plan of a build", "UPDATE builds SET plan = ?2 WHERE id = ?1"};
constexpr Sql kSaveView{
    "save the view of a build",
    "UPDATE builds SET view = ?2, status = ?3, finished_at = ?4, message = ?5 WHERE id = ?1"};
constexpr Sql kLoadView{"load the view of a build", "SELECT view FROM builds WHERE id = ?1"};
constexpr Sql kLoadSubmission{"load a submission", "SELECT submission FROM builds WHERE id = ?1"};
constexpr Sql kLoadPlan{"load the plan of a build", "SELECT plan FROM builds WHERE id = ?1"};
constexpr Sql kLatestBuild{"find the latest build",
                           "SELECT (SELECT id FROM builds WHERE ahead_of = 0 ORDER BY id DESC LIMIT 1)"};
// The condition is that of the index unfinished_builds.
constexpr Sql kUnfinishedBuilds{
    "find unfinished builds",
    "SELECT id, submitted_at, submission, plan, view FROM builds WHERE status < 4 "
    "ORDER BY id"};
static_assert(v1::BUILD_STATUS_RUNNING < 4 && v1::BUILD_STATUS_SUCCEEDED == 4,
              "0001_initial.sql knows which statuses are final");

constexpr Sql kAppendEvent{"append an event",
                           "INSERT INTO events (build, number, time, event) VALUES (?1, ?2, ?3, ?4)"};
constexpr Sql kEvents{
    "read events",
    "SELECT number, event, (SELECT coalesce(events_thinned_at, 0) FROM builds WHERE id = ?1) "
    "FROM events WHERE build = ?1 AND number >= ?2 ORDER BY number LIMIT ?3"};
constexpr Sql kLastEventNumber{"find the last event",
                               "SELECT coalesce(max(number), 0) FROM events WHERE build = ?1"};

constexpr Sql kFindExport{"look up an export",
                          "SELECT blob_hash, blob_size, paths FROM exports WHERE key = ?1"};
constexpr Sql kSaveExport{
    "save an export",
    "INSERT INTO exports (key, blob_hash, blob_size, paths, worker, made_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) "
    "ON CONFLICT (key) DO UPDATE SET blob_hash = excluded.blob_hash, blob_size = excluded.blob_size, "
    "paths = excluded.paths, worker = excluded.worker, made_at = excluded.made_at"};

constexpr Sql kInsertLease{
    "grant a lease",
    "INSERT INTO leases (number, build, stage, replica, worker, task, granted_at) VALUES (?1, "
    "?2, ?3, ?4, ?5, ?6, ?7)"};
// AUTOINCREMENT keeps the largest number ever used there.
constexpr Sql kNextLease{"number a lease", "SELECT seq + 1 FROM sqlite_sequence WHERE name = 'leases'"};
constexpr Sql kEndLease{"end a lease",
                        "UPDATE leases SET outcome = ?2 WHERE number = ?1 AND outcome IS NULL"};
constexpr Sql kLeaseExists{"look up a lease", "SELECT 1 FROM leases WHERE number = ?1"};
constexpr Sql kActiveLeases{
    "list active leases",
    "SELECT number, build, stage, replica, worker, task, granted_at FROM leases WHERE outcome "
    "IS NULL ORDER BY number"};

constexpr Sql kSaveWorker{
    "save a worker",
    "INSERT INTO workers (name, info, last_seen) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO "
    "UPDATE SET info = excluded.info, last_seen = excluded.last_seen"};
constexpr Sql kRemoveWorker{"remove a worker", "DELETE FROM workers WHERE name = ?1"};
constexpr Sql kWorkers{"list workers", "SELECT name, info, last_seen FROM workers ORDER BY name"};

absl::Status NoSuchBuild(int64_t build) {
  return absl::NotFoundError(fmt::format("there is no build {}", build));
}

std::string BuildRecord(std::string_view what, int64_t build) {
  return fmt::format("{} of build {}", what, build);
}

v1::BuildView FirstView(int64_t id, const v1::BuildSubmission& submission, int64_t now_ns) {
  v1::BuildView view;
  view.set_id(id);
  view.set_status(v1::BUILD_STATUS_PLANNING);
  view.set_created_at(now_ns);
  *view.mutable_options() = submission.options();
  view.set_dockerfile_name(submission.recipe().dockerfile_name());
  view.set_target(submission.recipe().target());
  view.set_ahead_of(submission.wheels().ahead_of());
  if (submission.has_rebuild()) *view.mutable_rebuild() = submission.rebuild();
  view.set_farm_version(CROSSMILL_VERSION);
  view.set_owner(submission.owner());
  if (submission.has_matrix()) {
    *view.mutable_matrix() = submission.matrix();
    view.mutable_matrix()->set_matrix(id - submission.matrix().place());
  }
  view.set_project(submission.project());
  return view;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RecordStore>> RecordStore::Open(const std::string& path) {
  ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection, Connection::Open(path));
  return std::unique_ptr<RecordStore>(new RecordStore(path, std::move(connection)));
}

absl::StatusOr<std::unique_ptr<RecordStore>> RecordStore::OpenAnother() const {
  if (path_ == ":memory:") return absl::FailedPreconditionError("a record in memory has one connection");
  return Open(path_);
}

RecordStore::RecordStore(std::string path, std::unique_ptr<Connection> connection)
    : path_(std::move(path)), connection_(std::move(connection)) {}

RecordStore::~RecordStore() = default;

absl::Status RecordStore::Transact(const std::function<absl::Status()>& body) {
  return connection_->Transact(body);
}

// ---- builds ----

absl::StatusOr<int64_t> RecordStore::InsertBuild(const v1::BuildSubmission& submission,
                                                 std::string_view idempotency_key,
                                                 std::string_view submission_digest, int64_t now_ns) {
  std::optional<std::string_view> key;
  if (!idempotency_key.empty()) key = idempotency_key;
  int64_t id = 0;
  RETURN_IF_ERROR(Transact([&]() -> absl::Status {
    RecursiveMutexLock lock(connection_->mutex());
    RETURN_IF_ERROR(connection_->Run(
        kInsertBuild, key, submission_digest, Blob{submission.SerializeAsString()}, now_ns, Blob{},
        static_cast<int>(v1::BUILD_STATUS_PLANNING), submission.wheels().ahead_of()));
    id = connection_->LastInsertId();
    RETURN_IF_ERROR(connection_->Run(kInsertBuildProject, id, core::ProjectOf(submission)));
    if (submission.has_rebuild()) RETURN_IF_ERROR(NoteRebuild(*connection_, submission.rebuild(), now_ns));
    // The view holds the id, which is known only now.
    return connection_->Run(kSetView, id, Blob{FirstView(id, submission, now_ns).SerializeAsString()});
  }));
  return id;
}

absl::StatusOr<std::optional<IdempotentBuild>> RecordStore::FindIdempotent(std::string_view idempotency_key,
                                                                           int64_t since_ns) {
  RecursiveMutexLock lock(connection_->mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_->Use(kFindIdempotent));
  query->Bind(idempotency_key, since_ns);
  ASSIGN_OR_RETURN(const bool found, query->Step());
  // No row has an empty key: those are stored as NULL.
  if (!found) return std::optional<IdempotentBuild>();
  return IdempotentBuild{query->Int64(0), std::string(query->Text(1))};
}

absl::Status RecordStore::SaveRecordedPlan(int64_t build, std::string_view plan) {
  RecursiveMutexLock lock(connection_->mutex());
  RETURN_IF_ERROR(connection_->Run(kSavePlan, build, Blob{plan}));
  return connection_->Changes() == 1 ? absl::OkStatus() : NoSuchBuild(build);
}

absl::Status RecordStore::SaveView(int64_t build, const v1::BuildView& view) {
  std::optional<int64_t> finished_at;
  if (view.finished_at() != 0) finished_at = view.finished_at();
  return Transact([&]() -> absl::Status {
    RecursiveMutexLock lock(connection_->mutex());
    RETURN_IF_ERROR(connection_->Run(kSaveView, build, Blob{view.SerializeAsString()},
                                     static_cast<int>(view.status()), finished_at, view.message()));
    if (connection_->Changes() != 1) return NoSuchBuild(build);
    if (!IsFinished(view.status())) return absl::OkStatus();
    ASSIGN_OR_RETURN(const v1::BuildSubmission submission, LoadSubmission(build));
    RETURN_IF_ERROR(IndexOverview(*connection_, submission, view));
    RETURN_IF_ERROR(IndexEndedBuild(*connection_, submission, view));
    RETURN_IF_ERROR(IndexBuildHistory(*connection_, submission, view));
    return RecordStates(*connection_, submission, view);
  });
}

absl::StatusOr<v1::BuildView> RecordStore::LoadView(int64_t build) {
  RecursiveMutexLock lock(connection_->mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_->Use(kLoadView));
  query->Bind(build);
  ASSIGN_OR_RETURN(const bool found, query->Step());
  if (!found) return NoSuchBuild(build);
  v1::BuildView view;
  RETURN_IF_ERROR(ParseRecord(query->Bytes(0), BuildRecord("the view", build), &view));
  return view;
}

absl::StatusOr<v1::BuildSubmission> RecordStore::LoadSubmission(int64_t build) {
  RecursiveMutexLock lock(connection_->mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_->Use(kLoadSubmission));
  query->Bind(build);
  ASSIGN_OR_RETURN(const bool found, query->Step());
  if (!found) return NoSuchBuild(build);
  v1::BuildSubmission submission;
  RETURN_IF_ERROR(ParseRecord(query->Bytes(0), BuildRecord("the submission", build), &submission));
  return submission;
}

absl::StatusOr<v1::BuildPlan> RecordStore::LoadPlan(int64_t build) {
  RecursiveMutexLock lock(connection_->mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_->Use(kLoadPlan));
  query->Bind(build);
  ASSIGN_OR_RETURN(const bool found, query->Step());
  if (!found) return NoSuchBuild(build);
  if (query->IsNull(0)) return absl::NotFoundError(fmt::format("build {} has not been planned", build));
  v1::BuildPlan plan;
  RETURN_IF_ERROR(ParseRecord(query->Bytes(0), BuildRecord("the plan", build), &plan));
  return plan;
}

absl::StatusOr<int64_t> RecordStore::LatestBuild() {
  RecursiveMutexLock lock(connection_->mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_->Use(kLatestBuild));
  ASSIGN_OR_RETURN(const bool found, query->Step());
  if (!found || query->IsNull(0)) return absl::NotFoundError("there is no build yet");
  return query->Int64(0);
}

absl::StatusOr<std::vector<UnfinishedBuild>> RecordStore::UnfinishedBuilds() {
  RecursiveMutexLock lock(connection_->mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_->Use(kUnfinishedBuilds));
  std::vector<UnfinishedBuild> builds;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return builds;
    UnfinishedBuild& build = builds.emplace_back();
    build.id = query->Int64(0);
    build.submitted_at = query->Int64(1);
    RETURN_IF_ERROR(ParseRecord(query->Bytes(2), BuildRecord("the submission", build.id), &build.submission));
    if (!query->IsNull(3)) {
      RETURN_IF_ERROR(ParseRecord(query->Bytes(3), BuildRecord("the plan", build.id), &build.plan.emplace()));
    }
    RETURN_IF_ERROR(ParseRecord(query->Bytes(4), BuildRecord("the view", build.id), &build.view));
  }
}

// ---- events ----

absl::Status RecordStore::AppendEvent(int64_t build, const v1::BuildEvent& event) {
  RecursiveMutexLock lock(connection_->mutex());
  ASSIGN_OR_RETURN(const int64_t last, LastEventNumber(build));
  if (event.number() != last + 1) {
    return absl::InvalidArgumentError(
        fmt::format("append an event: number {} after {} in build {}", event.number(), last, build));
  }
  return connection_->Run(kAppendEvent, build, event.number(), event.time(), Blob{event.SerializeAsString()});
}

absl::StatusOr<std::vector<v1::BuildEvent>> RecordStore::Events(int64_t build, int64_t from_number,
                                                                int limit) {
  RecursiveMutexLock lock(connection_->mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_->Use(kEvents));
  query->Bind(build, from_number, std::max(limit, 0));
  std::vector<v1::BuildEvent> events;
  int64_t expected = std::max<int64_t>(from_number, 1);
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return events;
    // What a policy has thinned begins with what it left.
    if (events.empty() && query->Int64(0) > expected && query->Int64(2) != 0) expected = query->Int64(0);
    if (query->Int64(0) != expected) {
      return absl::DataLossError(
          fmt::format("event {} of build {} is missing in the record", expected, build));
    }
    const std::string what = fmt::format("event {} of build {}", expected, build);
    v1::BuildEvent& event = events.emplace_back();
    RETURN_IF_ERROR(ParseRecord(query->Bytes(1), what, &event));
    if (event.number() != expected) {
      return absl::DataLossError(
          fmt::format("the record of {} is damaged: it says {}", what, event.number()));
    }
    ++expected;
  }
}

absl::StatusOr<int64_t> RecordStore::LastEventNumber(int64_t build) {
  RecursiveMutexLock lock(connection_->mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_->Use(kLastEventNumber));
  query->Bind(build);
  RETURN_IF_ERROR(query->Step().status());
  return query->Int64(0);
}

// ---- exports ----

absl::StatusOr<std::optional<ExportRow>> RecordStore::FindExport(std::string_view key) {
  RecursiveMutexLock lock(connection_->mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_->Use(kFindExport));
  query->Bind(key);
  ASSIGN_OR_RETURN(const bool found, query->Step());
  if (!found) return std::optional<ExportRow>();
  ExportRow row;
  row.blob = Digest{std::string(query->Text(0)), query->Int64(1)};
  if (!query->IsNull(2)) {
    RETURN_IF_ERROR(
        ParseRecord(query->Bytes(2), fmt::format("the paths of export {}", key), &row.paths.emplace()));
  }
  return row;
}

absl::Status RecordStore::SaveExport(std::string_view key, const ExportRow& row) {
  RecursiveMutexLock lock(connection_->mutex());
  std::optional<Blob> paths;
  std::string bytes;
  if (row.paths) {
    bytes = row.paths->SerializeAsString();
    paths = Blob{bytes};
  }
  return connection_->Run(kSaveExport, key, row.blob.hash, row.blob.size, paths, row.worker, row.made_at);
}

// ---- leases ----

absl::StatusOr<uint64_t> RecordStore::NextLease() {
  RecursiveMutexLock lock(connection_->mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_->Use(kNextLease));
  ASSIGN_OR_RETURN(const bool row, query->Step());
  return row ? static_cast<uint64_t>(query->Int64(0)) : 1;
}

absl::Status RecordStore::InsertLease(const LeaseRow& row) {
  RecursiveMutexLock lock(connection_->mutex());
  return connection_->Run(kInsertLease, row.number, row.build, row.stage, row.replica, row.worker,
                          Blob{row.task.SerializeAsString()}, row.granted_at);
}

absl::Status RecordStore::EndLease(uint64_t number, std::string_view outcome) {
  RecursiveMutexLock lock(connection_->mutex());
  RETURN_IF_ERROR(connection_->Run(kEndLease, number, outcome));
  if (connection_->Changes() == 1) return absl::OkStatus();
  ASSIGN_OR_RETURN(StatementUse query, connection_->Use(kLeaseExists));
  query->Bind(number);
  ASSIGN_OR_RETURN(const bool exists, query->Step());
  if (!exists) return absl::NotFoundError(fmt::format("there is no lease {}", number));
  return absl::AbortedError(fmt::format("lease {} has ended already", number));
}

absl::StatusOr<std::vector<LeaseRow>> RecordStore::ActiveLeases() {
  RecursiveMutexLock lock(connection_->mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_->Use(kActiveLeases));
  std::vector<LeaseRow> leases;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return leases;
    LeaseRow& lease = leases.emplace_back();
    lease.number = static_cast<uint64_t>(query->Int64(0));
    lease.build = query->Int64(1);
    lease.stage = static_cast<uint32_t>(query->Int64(2));
    lease.replica = static_cast<uint32_t>(query->Int64(3));
    lease.worker = query->Text(4);
    RETURN_IF_ERROR(
        ParseRecord(query->Bytes(5), fmt::format("the task of lease {}", lease.number), &lease.task));
    lease.granted_at = query->Int64(6);
  }
}

// ---- workers ----

absl::Status RecordStore::SaveWorker(const v1::WorkerInfo& info, int64_t last_seen_ns) {
  RecursiveMutexLock lock(connection_->mutex());
  return connection_->Run(kSaveWorker, info.name(), Blob{info.SerializeAsString()}, last_seen_ns);
}

absl::Status RecordStore::RemoveWorker(std::string_view name) {
  RecursiveMutexLock lock(connection_->mutex());
  return connection_->Run(kRemoveWorker, name);
}

absl::StatusOr<std::vector<WorkerRow>> RecordStore::Workers() {
  RecursiveMutexLock lock(connection_->mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_->Use(kWorkers));
  std::vector<WorkerRow> workers;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return workers;
    WorkerRow& worker = workers.emplace_back();
    RETURN_IF_ERROR(ParseRecord(query->Bytes(1), fmt::format("worker {}", query->Text(0)), &worker.info));
    worker.last_seen = query->Int64(2);
  }
}

}  // namespace crossmill::storage
