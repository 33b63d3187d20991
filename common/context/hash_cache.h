// Remembers the content hashes of a context's files, so that an unchanged file is not read again.
//
// A file is the same when path, inode, size, mtime and ctime are: ctime cannot be set back, which is
// what protects from tools that keep size and mtime. Like git, entries whose ctime is younger than
// two seconds are not stored: a later change within the clock's grain would not show.
//
// One file per context folder, replaced atomically; format in hash_cache.cc. A damaged or foreign
// file counts as empty.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"

namespace crossmill::context {

using RawSha256 = std::array<uint8_t, 32>;

struct FileIdentity {
  uint64_t inode = 0;
  int64_t size = 0;
  int64_t mtime_nanos = 0;
  int64_t ctime_nanos = 0;
  bool operator==(const FileIdentity&) const = default;
};

// Immutable after Load; thread safe.
class HashCache {
 public:
  struct Entry {
    std::string_view name;
    FileIdentity identity;
    RawSha256 hash;
  };
  // Entries of one folder, sorted by name.
  using Folder = std::vector<Entry>;

  HashCache() = default;
  static HashCache Load(const std::string& path);

  // By path below the context ("" is the context itself); null when nothing is known.
  const Folder* Find(std::string_view folder) const;
  // Null when the file is not known or not the same.
  static const RawSha256* Find(const Folder* folder, std::string_view name, const FileIdentity& identity);
  size_t entry_count() const { return entry_count_; }

 private:
  std::unique_ptr<std::string> bytes_;
  absl::flat_hash_map<std::string, Folder> folders_;
  size_t entry_count_ = 0;
};

// Collects entries and writes them. Not thread safe.
class HashCacheWriter {
 public:
  HashCacheWriter();
  // Entries in the order of their names.
  void AddFolder(std::string_view path, const HashCache::Folder& entries);
  absl::Status Write(const std::string& path);

 private:
  std::string bytes_;
};

// Where the hashes of the context folder (an absolute path) are kept:
// $XDG_CACHE_HOME/crossmill/context-HASH, with ~/.cache as the default. `cache_home` and `home` are
// the variables' values; empty result when both are empty.
std::string HashCachePath(std::string_view cache_home, std::string_view home, std::string_view context);

}  // namespace crossmill::context
