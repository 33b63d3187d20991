// How much a Merkle tree of folders unfolds to. Folders that are the same are one message, so that forty
// small ones can stand for a million million files: nobody may walk a stranger's tree who has not asked here.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "common/base/digest.h"
#include "common/base/mutex.h"
#include "common/plan/context_match.h"

namespace crossmill::plan {

struct TreeSize {
  // Files, folders and links below it, each as often as it is unfolded.
  int64_t entries = 0;
  // Of the longest path below it, in bytes; 0: it is empty.
  int64_t longest_path = 0;
};

// Trees that were measured, so that one of which little changed is read only there. Bounded: it forgets all
// when it is full. Thread safe.
class KnownTrees {
 public:
  std::optional<TreeSize> Find(const Digest& digest) const;
  void Note(const Digest& digest, const TreeSize& size);

 private:
  mutable Mutex mutex_;
  absl::flat_hash_map<Digest, TreeSize> sizes_ ABSL_GUARDED_BY(mutex_);
};

// Not thread safe; `known` outlives it.
class TreeSurvey {
 public:
  TreeSurvey(int64_t most_entries, KnownTrees& known) : most_entries_(most_entries), known_(known) {}

  // INVALID_ARGUMENT for more entries than there may be, a path longer than kLongestPath, and a name that no
  // folder can hold (empty, ".", "..", with a slash or a null byte, more than 255 bytes). CANCELLED by
  // `stop`. Errors of `read` pass through.
  absl::StatusOr<TreeSize> Measure(const Digest& root, const ReadDirectory& read,
                                   const std::stop_token& stop);

 private:
  struct Open;

  absl::StatusOr<Open> Begin(const Digest& digest, const ReadDirectory& read);
  absl::Status Add(const TreeSize& below, int64_t name_bytes, TreeSize* size) const;

  const int64_t most_entries_;
  KnownTrees& known_;
};

}  // namespace crossmill::plan
