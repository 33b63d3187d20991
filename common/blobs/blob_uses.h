// What a blob store on disk has, how much room it takes, and when each blob was used last: what a sweep
// (coordinator/retention) chooses by, and what keeps a blob from being removed while somebody is told that it
// is there.
//
// The rule that makes removal safe: whoever is about to say that a blob is there, or to read it, notes the
// use *first* (Touch) and looks at the disk afterwards. Whoever removes one announces it first
// (BeginRemoval), which is refused if it was used since, and Touch waits for the end of a removal that was
// announced. So one of the two always sees the other.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/types/span.h"
#include "common/base/mutex.h"
#include "common/blobs/blob_name.h"

namespace crossmill {

// A blob has one file, whole, or a list of its parts; both where a damaged file was made up for by parts.
enum class BlobForm { kWhole, kParts };

struct BlobUse {
  BlobName name;
  // What its files take on disk: their blocks, as `du` counts them.
  int64_t disk_bytes = 0;
  // Unix time in nanoseconds.
  int64_t used_at = 0;
};

// Thread safe. One shard for each first byte of a name, as the folders on disk.
class BlobUses {
 public:
  static constexpr int kShards = 256;
  // A use is written to the file's access time when it is so much newer than what is there, in seconds: at
  // once, so that what a process that was killed said of a blob is at most so much newer than what its file
  // says.
  static constexpr int64_t kWriteAfter = 600;

  struct [[nodiscard]] Touched {
    // There is a file of it.
    bool known = false;
    // Whoever touched it writes the use to its file (blob_files.h, TouchBlob).
    bool to_write = false;
  };

  // Keeps blobs from being removed as long as it lives, whenever they were used last.
  class Hold {
   public:
    Hold() = default;
    explicit Hold(BlobUses& uses) : uses_(&uses) {}
    Hold(Hold&& other) noexcept
        : uses_(std::exchange(other.uses_, nullptr)), names_(std::move(other.names_)) {}
    Hold& operator=(Hold&&) = delete;
    ~Hold();
    void Add(const BlobName& name);

   private:
    BlobUses* uses_ = nullptr;
    std::vector<BlobName> names_;
  };

  // It is used now, whether it is there or not. Waits while it is being removed.
  Touched Touch(const BlobName& name, int64_t now);
  // A file of it is there, with so many blocks of 512 bytes. Again is fine: the newest number counts, and the
  // latest use. `parts`: what a list of parts names. `written_at`: the use that its file has; `used_at` if
  // nobody says.
  void Put(const BlobName& name, BlobForm form, int64_t blocks, int64_t used_at,
           std::vector<BlobName> parts = {}, std::optional<int64_t> written_at = std::nullopt);
  // The file is there no more.
  void Drop(const BlobName& name, BlobForm form);
  bool KnowsParts(const BlobName& name) const;
  // When it was used last; nothing: it is not known.
  std::optional<int64_t> UsedAt(const BlobName& name) const;

  // ---- for sweeps ----

  // Every file has been looked at once: what is known is all that there is.
  bool complete() const { return complete_; }
  void SetComplete() { complete_ = true; }
  int64_t count() const { return count_; }
  int64_t disk_bytes() const { return blocks_ * 512; }
  // `wake` is called, by whoever notes a file, once files take more than WakeAbove, and then not again before
  // that is said anew. It must not wait. None: nobody is told from now on, and nobody is being told.
  void OnGrowth(std::function<void()> wake);
  void WakeAbove(int64_t bytes) { wake_above_ = bytes; }
  std::vector<BlobUse> Shard(int shard) const;
  // Those kept in parts, with their parts (each once).
  std::vector<std::pair<BlobName, std::vector<BlobName>>> Parted(int shard) const;
  // False: it was used at `before` or later, or is held, or is not known. After true: EndRemoval.
  bool BeginRemoval(const BlobName& name, int64_t before);
  void EndRemoval(const BlobName& name, bool removed);

 private:
  struct Entry {
    int64_t used_at = 0;
    // Seconds since 1970, as the access time on disk has it.
    uint32_t written_at = 0;
    uint32_t whole_blocks = 0;
    uint32_t parts_blocks = 0;
    // A file may take no blocks at all (tiny ones inside their inode).
    bool whole = false;
    bool in_parts = false;
  };
  struct ShardState {
    mutable Mutex mutex;
    CondVar removed;
    absl::flat_hash_map<BlobName, Entry> entries ABSL_GUARDED_BY(mutex);
    absl::flat_hash_map<BlobName, std::vector<BlobName>> parts ABSL_GUARDED_BY(mutex);
    absl::flat_hash_map<BlobName, int> holds ABSL_GUARDED_BY(mutex);
    absl::flat_hash_set<BlobName> being_removed ABSL_GUARDED_BY(mutex);
  };

  ShardState& Of(const BlobName& name) { return shards_[name.bytes[0]]; }
  const ShardState& Of(const BlobName& name) const { return shards_[name.bytes[0]]; }
  void Note(const BlobName& name, BlobForm form, int64_t blocks, int64_t used_at, std::vector<BlobName> parts,
            int64_t written_at);
  void TellOfGrowth();
  void Forget(ShardState& shard, const BlobName& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mutex);

  std::array<ShardState, kShards> shards_;
  std::atomic<int64_t> blocks_ = 0;
  std::atomic<int64_t> count_ = 0;
  std::atomic<bool> complete_ = false;
  std::atomic<int64_t> wake_above_ = INT64_MAX;
  Mutex wake_mutex_;
  std::function<void()> wake_ ABSL_GUARDED_BY(wake_mutex_);
};

}  // namespace crossmill
