#include "coordinator/telemetry.h"

#include <utility>

#include "common/base/log.h"
#include "common/base/status.h"
#include "common/http/curl_http_client.h"
#include "coordinator/backup/last_backup.h"
#include "coordinator/metrics/counted_blob_store.h"
#include "coordinator/metrics/platform_states.h"
#include "coordinator/storage/notices/state_records.h"
#include "coordinator/storage/traces/given_leases.h"

namespace crossmill::coordinator {
namespace {

constexpr int kEventPage = 1000;
// A build with more says less; its trace ends there.
constexpr int64_t kMostEvents = 200'000;

absl::StatusOr<TracedBuild> Load(storage::RecordStore& records, int64_t build, const std::string& farm) {
  TracedBuild traced;
  traced.farm = farm;
  ASSIGN_OR_RETURN(traced.view, records.LoadView(build));
  ASSIGN_OR_RETURN(const v1::BuildSubmission submission, records.LoadSubmission(build));
  traced.traceparent = submission.traceparent();
  while (static_cast<int64_t>(traced.events.size()) < kMostEvents) {
    const int64_t next = static_cast<int64_t>(traced.events.size()) + 1;
    ASSIGN_OR_RETURN(const std::vector<v1::BuildEvent> events, records.Events(build, next, kEventPage));
    if (events.empty()) break;
    traced.events.insert(traced.events.end(), events.begin(), events.end());
  }
  ASSIGN_OR_RETURN(const std::vector<storage::GivenLease> leases,
                   storage::GivenLeasesOf(records.connection(), build));
  for (const storage::GivenLease& lease : leases)
    traced.tasks.push_back({lease.stage, lease.replica, lease.worker, lease.granted_at});
  return traced;
}

}  // namespace

BlobStore& Telemetry::Counted(BlobStore& blobs) {
  return *counted_.emplace_back(MakeCountedBlobStore(blobs, counters_));
}

absl::Status Telemetry::OpenTraces(const OtlpSettings& settings, storage::RecordStore& records) {
  ASSIGN_OR_RETURN(const storage::FarmIdentity identity,
                   storage::StateRecords(records.connection()).Identity());
  farm_ = identity.id;
  ASSIGN_OR_RETURN(committed_, records.OpenAnother());
  if (settings.url.empty()) return absl::OkStatus();
  http::CurlOptions curl;
  curl.user_agent = "crossmill-coordinator/" CROSSMILL_VERSION;
  // Spans go nowhere else than where they were told to.
  curl.follow_redirects = false;
  client_ = http::MakeCurlHttpClient(std::move(curl));
  TraceExporterOptions options;
  options.otlp = settings;
  options.farm = farm_;
  options.version = CROSSMILL_VERSION;
  options.count = [this](bool sent) { counters_.AddTrace(sent); };
  exporter_ = std::make_unique<TraceExporter>(
      *client_, [this](int64_t build) { return Load(*committed_, build, farm_); }, std::move(options));
  LogInfo("traces of builds go to {}", settings.url);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<opentelemetry::proto::trace::v1::Span>> Telemetry::SpansOfRecorded(
    int64_t build) const {
  ASSIGN_OR_RETURN(TracedBuild traced, Load(*committed_, build, farm_));
  if (traced.view.status() < v1::BUILD_STATUS_SUCCEEDED)
    return absl::FailedPreconditionError(fmt::format("build {} has not ended", build));
  // A client that records no trace of its own is told of the build's all the same.
  traced.traceparent.clear();
  return SpansOf(traced);
}

int64_t Telemetry::LastBackupAt(const std::string& data_folder) { return backup::LastBackupAt(data_folder); }

v1::FarmNumbers Telemetry::Numbers(Engine& engine, absl::Time now, const std::string& data_folder,
                                   const Policies& policies) {
  v1::FarmNumbers numbers;
  for (v1::PlatformState& state : PlatformStatesOf(engine.reader().Scheduling(), counters_.words(), now))
    *numbers.add_platforms() = std::move(state);
  counters_.CopyTo(numbers.mutable_counters());
  numbers.set_last_backup_at(LastBackupAt(data_folder));
  numbers.set_backup_warn_after_seconds(BackupWarnSeconds(policies));
  return numbers;
}

void Telemetry::BuildEnded(int64_t build, const std::optional<BuildTimes>& times) {
  if (times) counters_.AddBuild(*times);
  if (exporter_ != nullptr) exporter_->BuildEnded(build);
}

}  // namespace crossmill::coordinator
