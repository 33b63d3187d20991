// Reads a tar as registries, docker and tar programs make it: v7, ustar, pax (global headers too) and
// the GNU extensions for long names and large numbers. Sparse files are refused.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/layer/tar_entry.h"

namespace crossmill::layer {

// Gives up to `size` bytes (at least one, if size > 0); 0 at the end of the stream.
using Source = std::function<absl::StatusOr<size_t>(char* buffer, size_t size)>;

// A source over bytes that outlive it.
Source SourceOf(std::string_view bytes);

// How names are read.
enum class TarNames {
  // A layer's or an export's: a name that is empty or has a ".." component is an error.
  kStrict,
  // As kStrict, and a name or a hard link's target that begins with a slash is an error.
  kRelative,
  // Any archive's, as tar programs unpack it: ".." stops at the root, and what has no name is left out.
  kForgiving,
};

// Not thread safe. Memory is bounded: an extended header has at most 4 MiB. Errors of the source are
// returned as they are; everything wrong with the bytes is INVALID_ARGUMENT naming the offset.
class TarReader {
 public:
  explicit TarReader(Source source, TarNames names = TarNames::kStrict);

  // The next entry, or nullopt at the end; content that was not read is skipped. Paths and the targets
  // of hard links are brought into the form of TarEntry::path: "./x", "/x" and "x//" become "x". Entries
  // for the root itself ("./") are left out. The reader judges nothing else: entries may be in any order,
  // repeated, or below a symlink.
  // At the end the source is read to its own end, so that a digest-checking source has its say.
  absl::StatusOr<std::optional<TarEntry>> Next();
  // Content of the entry that Next() returned last; 0 at its end.
  absl::StatusOr<size_t> ReadData(char* buffer, size_t size);

  // The entry for the root itself, with an empty path, if there was one so far; the last one counts.
  const std::optional<TarEntry>& root() const { return root_; }

  // Bytes read of the archive so far.
  int64_t offset() const { return offset_; }

 private:
  using Records = std::map<std::string, std::string>;
  // Names and records that extended headers collect for the entry that follows them.
  struct Pending {
    Records pax;
    std::optional<std::string> gnu_path;
    std::optional<std::string> gnu_link;
    bool any = false;
  };

  absl::Status Fill();
  absl::StatusOr<size_t> Take(char* buffer, size_t size);
  absl::Status TakeAll(char* buffer, size_t size);
  absl::Status Skip(int64_t size);
  absl::StatusOr<bool> ReadBlock(char* block);
  absl::Status ReadEnd();
  absl::StatusOr<std::string> ReadExtension(int64_t size, int64_t limit);
  absl::Status ParsePax(std::string_view text, Records* records) const;
  absl::StatusOr<std::optional<TarEntry>> MakeEntry(const char* block, const Pending& pending);
  absl::Status ApplyNumbers(const char* block, const Pending& pending, TarEntry* entry, int64_t* size) const;
  absl::Status ApplyNames(const char* block, const Pending& pending, TarEntry* entry, bool* directory) const;
  absl::StatusOr<int64_t> Number(const char* block, size_t position, size_t length,
                                 std::string_view what) const;
  std::optional<std::string> Record(const Pending& pending, const std::string& key) const;
  absl::Status Error(std::string_view what) const;

  Source source_;
  const TarNames names_;
  std::string buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
  bool source_ended_ = false;
  int64_t offset_ = 0;
  int64_t header_offset_ = 0;
  int64_t data_left_ = 0;
  int64_t padding_ = 0;
  bool done_ = false;
  Records global_;
  std::optional<TarEntry> root_;
};

}  // namespace crossmill::layer
