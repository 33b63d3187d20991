// The coordinator's record: everything it promised to somebody, in one SQLite database. After kill -9
// the coordinator continues from what is here. Blobs and consoles are files (DiskBlobStore, LogStore).
//
// Documents (submission, plan, view, event, task) are serialised messages; what is queried is columns.
// docs/formats.md describes the schema. Times are Unix nanoseconds of the coordinator's clock.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/digest.h"
#include "coordinator/core/fetch_record.h"
#include "coordinator/core/step_history.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/plan.pb.h"
#include "crossmill/v1/report.pb.h"
#include "crossmill/v1/result.pb.h"
#include "crossmill/v1/worker.pb.h"

namespace crossmill::storage {

class Connection;

// An earlier submission under the same idempotency key.
struct IdempotentBuild {
  int64_t build_id = 0;
  std::string submission_digest;
};

// A build that a restarted coordinator has to take up again.
struct UnfinishedBuild {
  int64_t id = 0;
  int64_t submitted_at = 0;
  v1::BuildSubmission submission;
  // Unset when the coordinator stopped before the plan was saved.
  std::optional<v1::BuildPlan> plan;
  v1::BuildView view;
};

// One execution of one step: the source of the step cache and of comparisons.
struct Execution {
  // Given by BeginExecution; from 1, never used twice. Also the id of its log.
  int64_t id = 0;
  // Step key, hex.
  std::string key;
  // The build that began it; others may have joined.
  int64_t build = 0;
  uint32_t stage = 0;
  uint32_t step_number = 0;
  // 0: the first execution.
  uint32_t replica = 0;
  // core::StepShape; only written.
  std::string shape;
  // 0: none.
  uint64_t lease = 0;
  std::string worker;
  std::string host_id;
  std::string host_name;
  bool emulated = false;
  // FormatPlatform of its stage; '' in records of before it was written down whose build does not say.
  std::string platform;
  // v1.Variation.number; not 0: never found as reusable.
  uint32_t variation = 0;
  int64_t started_at = 0;

  // The rest is meaningful once finished_at is set.
  std::optional<int64_t> finished_at;
  // By the worker's clock; by ours when the worker gave no times. Nanoseconds.
  int64_t duration_ns = 0;
  int32_t exit_code = 0;
  // Empty: succeeded.
  std::string failure;
  bool timed_out = false;
  // Empty when the step failed.
  Digest tar;
  Digest manifest;
  int64_t content_bytes = 0;
  // v1.StepResult.circumstances.
  std::vector<v1::Circumstance> circumstances;
  // The same of normalizations.
  std::vector<v1::Normalization> normalizations;
  std::optional<v1::StepUse> use;
  std::optional<v1::BoundReached> bound;
  std::optional<v1::StepAcceleration> acceleration;
  std::optional<v1::AccelerationCheck> acceleration_check;

  bool succeeded() const {
    return finished_at.has_value() && exit_code == 0 && failure.empty() && !timed_out && !tar.empty();
  }
  v1::Layer layer() const;
};

// A lease on a task. Numbers start at 1, grow, and are never used twice.
struct LeaseRow {
  uint64_t number = 0;
  int64_t build = 0;
  uint32_t stage = 0;
  uint32_t replica = 0;
  std::string worker;
  v1::Task task;
  int64_t granted_at = 0;
};

// An export that a worker made.
struct ExportRow {
  Digest blob;
  // Unset: the worker did not say.
  std::optional<v1::ExportedPaths> paths;
  // Who made it, and when.
  std::string worker;
  int64_t made_at = 0;
};

struct WorkerRow {
  v1::WorkerInfo info;
  int64_t last_seen = 0;
};

// Thread safe: one connection under one lock. Every method works by itself (durable when it returns
// OK) and, on the same thread, inside the body of Transact (durable when Transact returns OK).
//
// Errors besides those named are those of sqlite.h (UNAVAILABLE for a failing disk, DATA_LOSS for a
// damaged record, FAILED_PRECONDITION for a build, execution or lease that does not exist where one is
// referred to); the message says what was being done.
class RecordStore {
 public:
  // Opens or creates the database file (":memory:" for tests) and migrates it. FAILED_PRECONDITION
  // when a newer Crossmill wrote it. Before an existing file is migrated it is copied to
  // PATH.before-VERSION.
  static absl::StatusOr<std::unique_ptr<RecordStore>> Open(const std::string& path);
  // Another one on the same file, for questions that must not wait for this one's transactions: it sees what
  // is committed. FAILED_PRECONDITION when the record is not a file.
  absl::StatusOr<std::unique_ptr<RecordStore>> OpenAnother() const;
  ~RecordStore();
  RecordStore(const RecordStore&) = delete;
  RecordStore& operator=(const RecordStore&) = delete;

  // Runs `body` under the lock in one transaction: committed when it returns OK, else rolled back and
  // its status returned. Other threads wait. A Transact inside a body is a savepoint: its failure
  // undoes only its own part. `body` must not wait for a thread that uses this store.
  absl::Status Transact(const std::function<absl::Status()>& body);

  // For the other record classes on this database (images).
  Connection& connection() { return *connection_; }

  // ---- builds ----

  // Returns the build's id. Also saves a first view: PLANNING, with what the submission says.
  // `idempotency_key` may be empty.
  absl::StatusOr<int64_t> InsertBuild(const v1::BuildSubmission& submission, std::string_view idempotency_key,
                                      std::string_view submission_digest, int64_t now_ns);
  // The newest build with the key submitted at or after `since_ns`; nothing for an empty key.
  absl::StatusOr<std::optional<IdempotentBuild>> FindIdempotent(std::string_view idempotency_key,
                                                                int64_t since_ns);
  absl::Status SavePlan(int64_t build, const v1::BuildPlan& plan) {
    return SaveRecordedPlan(build, plan.SerializeAsString());
  }
  // Of a plan that is serialised already.
  absl::Status SaveRecordedPlan(int64_t build, std::string_view plan);
  // Also writes the columns status, finished_at and message, and, of a build that has ended, what
  // PackageQueries find it by.
  absl::Status SaveView(int64_t build, const v1::BuildView& view);
  // NOT_FOUND: there is no such build.
  absl::StatusOr<v1::BuildView> LoadView(int64_t build);
  // NOT_FOUND: there is no such build.
  absl::StatusOr<v1::BuildSubmission> LoadSubmission(int64_t build);
  // NOT_FOUND: there is no such build, or it has not been planned.
  absl::StatusOr<v1::BuildPlan> LoadPlan(int64_t build);
  // Builds that compile wheels for others do not count.
  // NOT_FOUND: there is no build yet.
  absl::StatusOr<int64_t> LatestBuild();
  // Status not terminal, oldest first.
  absl::StatusOr<std::vector<UnfinishedBuild>> UnfinishedBuilds();

  // ---- events ----

  // INVALID_ARGUMENT unless event.number() is LastEventNumber() + 1.
  absl::Status AppendEvent(int64_t build, const v1::BuildEvent& event);
  // From number `from_number` (0 and 1: the first) in order, none left out but those that a policy removed:
  // DATA_LOSS names the first event that is damaged or missing, and its build.
  absl::StatusOr<std::vector<v1::BuildEvent>> Events(int64_t build, int64_t from_number, int limit);
  // 0: none yet.
  absl::StatusOr<int64_t> LastEventNumber(int64_t build);

  // ---- executions ----

  // The highest number that was given; 0: none was.
  absl::StatusOr<int64_t> LastExecution();
  // Numbers up to there are given to nobody any more.
  absl::Status SkipExecutions(int64_t up_to);
  // Saves key..started_at; returns the id.
  absl::StatusOr<int64_t> BeginExecution(const Execution& execution);
  // FAILED_PRECONDITION when it is finished or abandoned already; NOT_FOUND.
  absl::Status FinishExecution(int64_t id, const v1::StepResult& result, int64_t finished_at);
  // The worker was lost or the task cancelled: never a hit, never a witness. Once more is OK;
  // FAILED_PRECONDITION when it is finished.
  absl::Status AbandonExecution(int64_t id);
  // NOT_FOUND: there is no such execution.
  absl::StatusOr<Execution> GetExecution(int64_t id);
  // Begun, neither finished nor abandoned: what a restarted coordinator reconciles. Oldest first.
  absl::StatusOr<std::vector<Execution>> UnfinishedExecutions();
  // The execution everybody goes on from: of the successes of `key` started at or after `since_ns`
  // the one that finished first, replica 0 before others. Never one that was outvoted, and
  // one that was varied only if it was endorsed. With `forbid_acceleration` none that an accelerator set made
  // and nobody compared.
  absl::StatusOr<std::optional<Execution>> FindReusable(std::string_view key, int64_t since_ns,
                                                        bool forbid_emulation,
                                                        bool forbid_acceleration = false);
  // Every finished execution of `key` started at or after `since_ns`, failures only if they started at or
  // after `failures_since_ns` too, in the order they finished.
  absl::StatusOr<std::vector<Execution>> Witnesses(std::string_view key, int64_t since_ns,
                                                   int64_t failures_since_ns);

  // In a comparison of `build` the others outvoted it (v1.Witness.outvoted): it is not reusable any more.
  absl::Status MarkOutvoted(int64_t execution, int64_t build);
  // It is one of those that agreed then: reusable, although it was varied.
  absl::Status Endorse(int64_t execution);
  // How many executions of each worker were outvoted; workers of whom none was are left out.
  absl::StatusOr<std::map<std::string, int64_t>> Outvoted();

  // ---- exports (ExportKey -> blob) ----

  absl::StatusOr<std::optional<ExportRow>> FindExport(std::string_view key);
  // The last one saved counts.
  absl::Status SaveExport(std::string_view key, const ExportRow& row);

  // ---- packages ----

  // Of the last success of a step of that shape that was measured, under emulation or natively.
  absl::StatusOr<std::optional<core::PastUse>> PastUse(const std::string& shape, bool emulated);

  // Replaces what the execution had. After FinishExecution: PackageQueries find only what has an end.
  absl::Status SavePackages(int64_t execution, absl::Span<const v1::PackageOutcome> packages);
  // In the order they were saved.
  absl::StatusOr<std::vector<v1::PackageOutcome>> Packages(int64_t execution);

  // ---- fetches ----

  // Replaces what the execution had.
  absl::Status SaveFetches(int64_t execution, const core::FetchRecord& record);
  // Those that are known one by one, in the order in which they began; none when there is no record.
  absl::StatusOr<v1::StepFetches> Fetches(int64_t execution);
  // All of them, counted, by host.
  absl::StatusOr<std::vector<v1::HostFetches>> FetchHosts(int64_t execution);

  // ---- leases ----

  // A number that no lease ever had, nor any below it.
  absl::StatusOr<uint64_t> NextLease();
  // `row.number` is NextLease or higher.
  absl::Status InsertLease(const LeaseRow& row);
  // `outcome` is for people: "succeeded", "expired", "superseded". ABORTED when it has ended already;
  // NOT_FOUND.
  absl::Status EndLease(uint64_t number, std::string_view outcome);
  // Granted and not ended, by number.
  absl::StatusOr<std::vector<LeaseRow>> ActiveLeases();

  // ---- workers that are present: a restarted coordinator waits for them ----

  // By info.name().
  absl::Status SaveWorker(const v1::WorkerInfo& info, int64_t last_seen_ns);
  // By name.
  absl::StatusOr<std::vector<WorkerRow>> Workers();
  // OK too when there is none of that name.
  absl::Status RemoveWorker(std::string_view name);

 private:
  RecordStore(std::string path, std::unique_ptr<Connection> connection);

  const std::string path_;
  const std::unique_ptr<Connection> connection_;
};

}  // namespace crossmill::storage
