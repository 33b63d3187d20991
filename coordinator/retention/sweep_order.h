// In which order blobs go that nothing needs: those that were not used for longest first, and what is made of
// others before these. Pure, and in small pieces: one shard of the store at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <tuple>
#include <vector>

#include "absl/types/span.h"
#include "common/blobs/blob_uses.h"
#include "coordinator/retention/blob_shards.h"
#include "coordinator/retention/needed_blobs.h"

namespace crossmill::coordinator {

// What keeps the parts of a blob used: the blob itself. Not thread safe.
class PartUses {
 public:
  void Note(int64_t used_at, absl::Span<const BlobName> parts);
  // When the blob was used, or one that it is part of.
  int64_t LatestOf(const BlobUse& use) const;

 private:
  BlobMap<int64_t> used_at_;
};

// Not thread safe.
class SweepOrder {
 public:
  // Of a shard: those that nothing needs, last used before `horizon`, go into the order.
  struct Considered {
    int64_t needed_bytes = 0;
    // Nothing needs them, but they were used since the horizon.
    int64_t recent_bytes = 0;
  };
  Considered AddShard(std::vector<BlobUse> uses, absl::Span<const BlobName> parted, const NeededBlobs& needed,
                      const PartUses& parts, int64_t horizon);
  // Nothing: that was all.
  std::optional<BlobUse> Next();
  // Of all that were added.
  int64_t bytes() const { return bytes_; }
  int64_t count() const { return count_; }

 private:
  struct Candidate {
    int64_t used_at;
    // 0: it is made of others.
    int rank;
    BlobUse use;
    bool operator<(const Candidate& other) const {
      return std::tie(used_at, rank, use.name) < std::tie(other.used_at, other.rank, other.use.name);
    }
  };
  struct Shard {
    std::vector<Candidate> candidates;
    size_t next = 0;
  };
  struct Later {
    const std::vector<Shard>* shards;
    bool operator()(size_t a, size_t b) const;
  };

  std::vector<Shard> shards_;
  // Indexes of shards that have more, the one with the earliest on top; made at the first Next.
  std::vector<size_t> heap_;
  bool begun_ = false;
  int64_t bytes_ = 0;
  int64_t count_ = 0;
};

}  // namespace crossmill::coordinator
