// What a client says is in a folder of its own, entry by entry, checked as it comes; then the same as the
// Directory messages of a context. Pure: contents are somebody else's.
//
// The order is BuildKit's (fsutil): depth first, siblings by the bytes of their names, folders before what is
// in them. An entry's number is its place in the sequence.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/digest.h"
#include "common/context/hash_cache.h"
#include "coordinator/buildkit/files/folder_limits.h"
#include "fsutil/types/fsutil.pb.h"

namespace crossmill::coordinator::buildkit {

struct SentEntry {
  enum class Kind : uint8_t {
    kFolder,
    kFile,
    kLink,
    // A further name of a file.
    kSameFile,
    // A device or pipe: no part of a context.
    kOther,
  };
  static constexpr uint32_t kNone = UINT32_MAX;

  Kind kind = Kind::kOther;
  // kNone: in the folder itself.
  uint32_t parent = kNone;
  // Permissions, at most 07777.
  uint32_t mode = 0;
  // Of kSameFile: which file.
  uint32_t same_as = kNone;
  int64_t size = 0;
  int64_t mtime_nanos = 0;
  std::string name;
  // Of a link.
  std::string target;
  // Of a file, once it is known.
  context::RawSha256 hash{};
};

// Not thread safe, but for `hash` of different entries.
class SentTree {
 public:
  explicit SentTree(const FolderLimits& limits) : limits_(limits) {}

  // The next entry; its number. INVALID_ARGUMENT: no folder is like that, or not in this order;
  // RESOURCE_EXHAUSTED: a limit. Nothing may be added after an error.
  absl::StatusOr<uint32_t> Add(const fsutil::types::Stat& stat);

  size_t size() const { return entries_.size(); }
  const SentEntry& at(uint32_t number) const { return entries_[number]; }
  void SetHash(uint32_t number, const context::RawSha256& hash) { entries_[number].hash = hash; }
  std::string PathOf(uint32_t number) const;
  int64_t files() const { return files_; }
  // Of all files, as they were announced; of a file with several names once.
  int64_t bytes() const { return bytes_; }
  // What is left out, one sentence each; of many, the first and how many more there are.
  std::vector<std::string> TakeNotes();

  // When all hashes are set: the messages, folders after those in them, the root last, whose digest it
  // returns. Errors of `sink` pass through.
  using Sink = std::function<absl::Status(Digest digest, std::string message)>;
  absl::StatusOr<Digest> Build(bool keep_times, const Sink& sink) const;

 private:
  absl::StatusOr<uint32_t> FindParent(std::string_view folder, std::string_view path);
  absl::Status CheckPath(std::string_view path) const;
  absl::Status CheckRoom(const fsutil::types::Stat& stat);
  absl::Status SetKind(const fsutil::types::Stat& stat, SentEntry* entry);
  std::vector<std::string> HardLinks() const;

  const FolderLimits limits_;
  std::vector<SentEntry> entries_;
  // The folders on the way to the last entry, the outermost first, and each one's path.
  struct Open {
    uint32_t number;
    std::string path;
    // Of the last entry in it; the next one's is greater.
    std::string last_name;
  };
  std::vector<Open> open_;
  // Of the outermost entries.
  std::string last_name_;
  // By path; who is in it twice by chance is no target of a link.
  absl::flat_hash_map<uint64_t, uint32_t> files_by_path_;
  std::vector<std::string> notes_;
  int64_t left_out_ = 0;
  int64_t files_ = 0, bytes_ = 0;
  size_t text_bytes_ = 0;
};

}  // namespace crossmill::coordinator::buildkit
