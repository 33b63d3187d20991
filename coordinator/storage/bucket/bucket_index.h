// What is in the bucket behind the disk, as far as this coordinator knows: a database of its own
// (DATA/bucket.db), since it can be made again from a listing, and must not hold up the record.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/base/digest.h"
#include "common/base/mutex.h"
#include "coordinator/storage/sqlite.h"

namespace crossmill::storage {

// Thread safe. One row of some 80 bytes for each blob, on disk and not in memory.
class BucketIndex {
 public:
  // `place` is the bucket's name: what another bucket has is forgotten. A damaged file is replaced by an
  // empty one.
  static absl::StatusOr<std::unique_ptr<BucketIndex>> Open(const std::string& path, const std::string& place);

  // With that size.
  absl::StatusOr<bool> Has(const Digest& digest);
  absl::StatusOr<std::optional<int64_t>> SizeOf(const std::string& hash);
  // Durable when it returns.
  absl::Status Add(const Digest& digest);
  absl::Status Forget(const Digest& digest);

  // A listing of the whole bucket: what it names is added; at its end what was neither named nor added since
  // it began is forgotten. A listing that breaks off forgets nothing.
  absl::Status BeginListing();
  absl::Status AddListed(absl::Span<const Digest> digests);
  absl::Status EndListing(absl::Time now);
  // InfinitePast: never whole.
  absl::StatusOr<absl::Time> ListedAt();

  struct Totals {
    int64_t blobs = 0;
    int64_t bytes = 0;
  };
  Totals Sum();

 private:
  BucketIndex(Database database, Database reader)
      : database_(std::move(database)), reader_(std::move(reader)) {}
  absl::Status Prepare(const std::string& place);
  absl::Status Run(const Sql& sql, const std::string& hash, int64_t size);

  // Of questions, which wait for no change: the transaction loop asks them.
  Mutex read_mutex_;
  Mutex mutex_;
  Database database_ ABSL_GUARDED_BY(mutex_);
  Database reader_ ABSL_GUARDED_BY(read_mutex_);
  // Of the listing that was begun last.
  int64_t listing_ ABSL_GUARDED_BY(mutex_) = 0;
  // Kept up with each change.
  Totals totals_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace crossmill::storage
