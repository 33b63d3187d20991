// What of the farm needs blobs, asked of the record and of the running builds: images, running builds, pinned
// builds, farm wheels.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "common/blobs/blob_uses.h"
#include "coordinator/retention/blob_closures.h"
#include "coordinator/retention/needed_blobs.h"
#include "coordinator/retention/sweep_order.h"
#include "coordinator/room/held_blobs.h"
#include "coordinator/storage/retention/kept_records.h"
#include "coordinator/storage/retention/policy_records.h"

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
  Roots(storage::KeptRecords& records, storage::PolicyRecords& policies, const HeldBlobs& held,
        const BlobUses& uses, std::string content_folder, BlobClosures::Pace pace)
      : records_(records),
        policies_(policies),
        held_(held),
        uses_(uses),
        pace_(pace),
        closures_(std::move(content_folder), std::move(pace)) {}

  // What is needed now. What becomes needed while it is asked was used meanwhile.
  absl::StatusOr<Needed> Find();

 private:
  absl::Status AddBuild(int64_t build, Keeper keeper, Needed* needed);
  absl::Status AddMessage(const google::protobuf::Message& message, Keeper keeper, NeededBlobs* blobs);
  absl::Status AddTree(const std::string& root, Keeper keeper, NeededBlobs* blobs);
  absl::Status AddImage(const std::string& root, Keeper keeper, NeededBlobs* blobs);
  absl::Status AddLayers(const std::vector<std::string>& hashes, Keeper keeper, NeededBlobs* blobs);
  absl::Status AddImages(NeededBlobs* blobs);
  absl::Status AddParts(Needed* needed);

  storage::KeptRecords& records_;
  storage::PolicyRecords& policies_;
  const HeldBlobs& held_;
  const BlobUses& uses_;
  const BlobClosures::Pace pace_;
  BlobClosures closures_;
};

}  // namespace crossmill::coordinator
