// What is in the bucket behind the disk, as far as this coordinator knows: a database of its own
// (DATA/bucket.db), since it can be made again from a listing, and must not hold up the record.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
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

  // How the bucket is reached, as flags say it: no secrets. Read by who opens the index without a
  // coordinator.
  struct Client {
    std::string place;
    std::string endpoint;
    std::string region;
    std::string credentials_file;
    std::string addressing;
  };
  absl::Status NoteClient(const Client& client);

  // The index in this file is no more believed than what a listing, the next thing that is done with it,
  // says.
  static absl::Status AskForListing(const std::string& path);

  // The index of a data folder, beside a coordinator or without one. Thread safe; changes nothing.
  class Reader {
   public:
    static absl::StatusOr<Reader> Open(const std::string& path);
    Reader(Reader&& other) noexcept
        : database_(std::move(other.database_)),
          place_(std::move(other.place_)),
          client_(std::move(other.client_)) {}
    // As BucketIndex::Open was told.
    const std::string& place() const { return place_; }
    // Of empty texts: none is noted.
    const Client& client() const { return client_; }
    absl::StatusOr<std::optional<int64_t>> SizeOf(const std::string& hash) const;
    // As Database::CopyTo.
    absl::Status CopyTo(const std::string& path, int64_t step_bytes,
                        const std::function<absl::Status(int64_t)>& step) const;

   private:
    explicit Reader(Database database) : database_(std::move(database)) {}

    mutable Mutex mutex_;
    mutable Database database_;
    std::string place_;
    Client client_;
  };

  // With that size.
  absl::StatusOr<bool> Has(const Digest& digest);
  absl::StatusOr<std::optional<int64_t>> SizeOf(const std::string& hash);
  // Durable when it returns; used now, as what a listing names first.
  absl::Status Add(const Digest& digest);
  absl::Status Forget(const Digest& digest);

  // ---- for who removes what was not used for long ----

  struct Use {
    std::string hash;
    int64_t size = 0;
    // Unix time in nanoseconds, as it was written down last.
    int64_t used_at = 0;
  };
  // Of the hashes that begin with that byte. A 256th of the index.
  absl::StatusOr<std::vector<Use>> Shard(int first_byte);
  absl::StatusOr<std::optional<Use>> Find(const std::string& hash);
  // The later time counts. In one transaction: keep the list short.
  absl::Status WriteUses(absl::Span<const std::pair<std::string, int64_t>> uses);

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
  absl::Status Run(const Sql& sql, const std::string& hash, int64_t size)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

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
