// What the coordinator tells those who watch the farm: counters behind /metrics, and traces of builds.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/blob_store.h"
#include "common/http/http_client.h"
#include "coordinator/engine/engine.h"
#include "coordinator/metrics/farm_counters.h"
#include "coordinator/retention/policies.h"
#include "coordinator/storage/record_store.h"
#include "coordinator/traces/otlp_settings.h"
#include "coordinator/traces/trace_exporter.h"

namespace crossmill::coordinator {

// Thread safe once it is open. The blob stores must outlive whoever was given counted ones.
class Telemetry {
 public:
  FarmCounters& counters() { return counters_; }
  // `blobs` with its bytes counted; owned here.
  BlobStore& Counted(BlobStore& blobs);

  // From now on builds that end are sent, if there is a URL; without one they can be asked for.
  absl::Status OpenTraces(const OtlpSettings& settings, storage::RecordStore& records);
  // Its end is on record.
  void BuildEnded(int64_t build, const std::optional<BuildTimes>& times);
  // The spans of a build that has ended, as a trace of its own, whatever trace its client had.
  absl::StatusOr<std::vector<opentelemetry::proto::trace::v1::Span>> SpansOfRecorded(int64_t build) const;
  // `now` is by the engine's passing clock; the data folder knows of its last backup.
  v1::FarmNumbers Numbers(Engine& engine, absl::Time now, const std::string& data_folder,
                          const Policies& policies);
  // As backup::LastBackupAt.
  static int64_t LastBackupAt(const std::string& data_folder);

 private:
  FarmCounters counters_;
  std::vector<std::unique_ptr<BlobStore>> counted_;
  std::string farm_;
  std::unique_ptr<storage::RecordStore> committed_;
  // Of the exporter's thread.
  std::unique_ptr<http::HttpClient> client_;
  std::unique_ptr<TraceExporter> exporter_;
};

}  // namespace crossmill::coordinator
