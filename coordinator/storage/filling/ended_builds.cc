#include "coordinator/storage/filling/ended_builds.h"

#include "common/base/log.h"
#include "common/base/status.h"
#include "coordinator/storage/connection.h"

namespace crossmill::storage {
namespace {

constexpr Sql kEndedBuilds{"read the builds that have ended",
                           "SELECT id, view, submission FROM builds WHERE status >= 4 ORDER BY id"};
constexpr int kReadPerLine = 20'000;

}  // namespace

absl::Status ForEachEndedBuild(
    Database& database, std::string_view lacks,
    absl::FunctionRef<absl::Status(const v1::BuildSubmission& submission, const v1::BuildView& view)> each) {
  ASSIGN_OR_RETURN(Statement builds, database.Prepare(kEndedBuilds));
  for (int64_t done = 1;; ++done) {
    ASSIGN_OR_RETURN(const bool row, builds.Step());
    if (!row) return absl::OkStatus();
    const int64_t id = builds.Int64(0);
    v1::BuildView view;
    v1::BuildSubmission submission;
    absl::Status read = ParseRecord(builds.Bytes(1), fmt::format("the view of build {}", id), &view);
    if (read.ok())
      read = ParseRecord(builds.Bytes(2), fmt::format("the submission of build {}", id), &submission);
    if (!read.ok()) {
      LogWarning("record: build={} {}: {}", id, lacks, Sv(read.message()));
      continue;
    }
    view.set_id(id);
    RETURN_IF_ERROR(each(submission, view));
    if (done % kReadPerLine == 0) LogInfo("record: read {} builds", done);
  }
}

}  // namespace crossmill::storage
