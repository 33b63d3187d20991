// Which blobs are needed now, and by whom: what the record refers to (storage/needs/record_references), what
// is behind that (coordinator/needs), and what running builds have found that no record names yet.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/blobs/blob_uses.h"
#include "coordinator/needs/closures.h"
#include "coordinator/retention/needed_blobs.h"
#include "coordinator/retention/sweep_order.h"
#include "coordinator/room/held_blobs.h"
#include "coordinator/storage/connection.h"
#include "coordinator/storage/needs/record_references.h"

namespace crossmill::coordinator {

struct Needed {
  NeededBlobs blobs;
  // When what is made of other blobs was used: so were they.
  PartUses parts;
  // Of each shard, those that are made of others.
  std::vector<std::vector<BlobName>> parted;
  // Unix time in nanoseconds: what was used since then may be needed by a build that is still being planned,
  // of which nothing says what it has fetched. INT64_MAX: there is none.
  int64_t unplanned_since = INT64_MAX;
};

// Not thread safe. What it is given outlives it.
class Roots {
 public:
  Roots(storage::Connection& record, const HeldBlobs& held, const BlobUses& uses, DocumentSource documents,
        Closures::Pace pace)
      : record_(record),
        held_(held),
        uses_(uses),
        pace_(pace),
        closures_(std::move(documents), storage::ClosureRecords(record), std::move(pace)) {}

  // What is needed now. What becomes needed while it is asked was used meanwhile. UNAVAILABLE: a document
  // that says it cannot be read now.
  absl::StatusOr<Needed> Find();

 private:
  absl::Status TakeHeld(const std::string& hash, NeededBlobs* blobs);
  absl::Status Take(const storage::RecordReference& reference, NeededBlobs* blobs);
  absl::Status AddParts(Needed* needed);

  storage::Connection& record_;
  const HeldBlobs& held_;
  const BlobUses& uses_;
  const Closures::Pace pace_;
  Closures closures_;
};

}  // namespace crossmill::coordinator
