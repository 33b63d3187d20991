// What goes by its age: consoles are compressed and removed, events of ended builds thinned, names of images
// taken away, damaged files removed. Each in the order of its numbers, from where the last look ended.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/blobs/blob_uses.h"
#include "coordinator/bucket/bucket_blob_store.h"
#include "coordinator/retention/policies.h"
#include "coordinator/storage/log_store.h"
#include "coordinator/storage/retention/aging_records.h"
#include "coordinator/storage/retention/policy_records.h"

namespace crossmill::coordinator {

// What went, or would.
struct AgedSum {
  // "consoles", ...
  std::string kind;
  int64_t count = 0;
  int64_t bytes = 0;
};

// Not thread safe. What it is given outlives it.
class Aging {
 public:
  struct Parts {
    storage::Connection& connection;
    storage::LogStore& logs;
    const BlobUses& uses;
    // content/corrupt
    std::string damaged_folder;
    std::function<absl::Status()> pace;
    // May be null.
    BucketBlobStore* bucket = nullptr;
  };
  explicit Aging(Parts parts)
      : parts_(std::move(parts)),
        records_(parts_.connection),
        kept_(parts_.connection),
        pins_(parts_.connection) {}

  // `dry_run`: says it and does nothing. Kinds of which nothing went are left out.
  absl::StatusOr<std::vector<AgedSum>> Run(const Policies& policies, int64_t now, bool dry_run);
  // When the blob was used last, on the disk or in the bucket; nothing: it is nowhere.
  absl::StatusOr<std::optional<int64_t>> UsedAt(const BlobName& name);

 private:
  using ExecutionAct = std::function<absl::Status(const storage::AgingExecution&, AgedSum*)>;

  absl::Status Consoles(const std::string& mark, int64_t age, const ExecutionAct& act, AgedSum* sum);
  absl::Status RemoveConsole(const storage::AgingExecution& execution, AgedSum* sum);
  // Those in going_, which is empty afterwards.
  absl::Status RemoveGoing();
  absl::Status Events(int64_t age, AgedSum* sum);
  absl::Status Images(const Policies& policies, AgedSum* sum);
  absl::Status RemoveImages(const std::vector<storage::KeptImage>& images, AgedSum* sum);
  absl::Status Damaged(int64_t age, AgedSum* sum);

  const Parts parts_;
  storage::AgingRecords records_;
  storage::KeptRecords kept_;
  storage::PolicyRecords pins_;
  int64_t now_ = 0;
  bool dry_run_ = false;
  // Executions whose consoles are to be removed.
  std::vector<int64_t> going_;
};

// Of the images of one name (without tag) those beyond the newest `keep`. Pure.
std::vector<storage::KeptImage> BeyondNewest(std::vector<storage::KeptImage> images, int64_t keep);
// "docker.io/library/app" of "docker.io/library/app:1".
std::string_view WithoutTag(std::string_view name);

// What stands for a console that a policy removed then.
v1::LogChunk RemovedConsole(int64_t removed_at);

}  // namespace crossmill::coordinator
