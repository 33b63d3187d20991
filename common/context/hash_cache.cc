// Format, all numbers little endian as on every machine this runs on:
//   "crossmill-hash-cache 1\n"
//   per folder: u32 path length, path, u32 count; per entry: u32 name length, name, u64 inode,
//               i64 size, i64 mtime, i64 ctime (nanoseconds), 32 bytes SHA-256
//   32 bytes: SHA-256 of everything before
#include "common/context/hash_cache.h"

#include <algorithm>
#include <cstring>

#include "common/base/digest.h"
#include "common/base/files.h"

namespace crossmill::context {
namespace {

constexpr std::string_view kMagic = "crossmill-hash-cache 1\n";
constexpr size_t kTrailer = 64;

template <typename T>
void Append(T value, std::string* bytes) {
  bytes->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void AppendText(std::string_view text, std::string* bytes) {
  Append(static_cast<uint32_t>(text.size()), bytes);
  bytes->append(text);
}

// Reads numbers and texts; every method is false at the end of the bytes.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : bytes_(bytes) {}
  bool done() const { return bytes_.empty(); }
  bool Take(void* target, size_t size) {
    if (bytes_.size() < size) return false;
    std::memcpy(target, bytes_.data(), size);
    bytes_.remove_prefix(size);
    return true;
  }
  bool TakeText(std::string_view* text) {
    uint32_t size = 0;
    if (!Take(&size, sizeof(size)) || bytes_.size() < size) return false;
    *text = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return true;
  }

 private:
  std::string_view bytes_;
};

bool TakeEntry(Cursor* cursor, HashCache::Entry* entry) {
  return cursor->TakeText(&entry->name) && cursor->Take(&entry->identity.inode, 8) &&
         cursor->Take(&entry->identity.size, 8) && cursor->Take(&entry->identity.mtime_nanos, 8) &&
         cursor->Take(&entry->identity.ctime_nanos, 8) &&
         cursor->Take(entry->hash.data(), entry->hash.size());
}

}  // namespace

HashCache HashCache::Load(const std::string& path) {
  HashCache cache;
  auto bytes = ReadFile(path);
  if (!bytes.ok() || bytes->size() < kMagic.size() + kTrailer || !bytes->starts_with(kMagic)) return cache;
  const std::string_view body = std::string_view(*bytes).substr(0, bytes->size() - kTrailer);
  if (Sha256Hex(body) != std::string_view(*bytes).substr(body.size())) return cache;

  auto owned = std::make_unique<std::string>(*std::move(bytes));
  Cursor cursor(std::string_view(*owned).substr(kMagic.size(), owned->size() - kMagic.size() - kTrailer));
  absl::flat_hash_map<std::string, Folder> folders;
  size_t total = 0;
  while (!cursor.done()) {
    std::string_view folder_path;
    uint32_t count = 0;
    if (!cursor.TakeText(&folder_path) || !cursor.Take(&count, sizeof(count))) return cache;
    Folder& folder = folders[std::string(folder_path)];
    for (uint32_t i = 0; i < count; ++i) {
      Entry entry;
      if (!TakeEntry(&cursor, &entry)) return cache;
      folder.push_back(entry);
    }
    total += count;
  }
  cache.bytes_ = std::move(owned);
  cache.folders_ = std::move(folders);
  cache.entry_count_ = total;
  return cache;
}

const HashCache::Folder* HashCache::Find(std::string_view folder) const {
  const auto found = folders_.find(std::string(folder));
  return found == folders_.end() ? nullptr : &found->second;
}

const RawSha256* HashCache::Find(const Folder* folder, std::string_view name, const FileIdentity& identity) {
  if (folder == nullptr) return nullptr;
  const auto found =
      std::lower_bound(folder->begin(), folder->end(), name,
                       [](const Entry& entry, std::string_view wanted) { return entry.name < wanted; });
  if (found == folder->end() || found->name != name || found->identity != identity) return nullptr;
  return &found->hash;
}

HashCacheWriter::HashCacheWriter() : bytes_(kMagic) {}

void HashCacheWriter::AddFolder(std::string_view path, const HashCache::Folder& entries) {
  if (entries.empty()) return;
  AppendText(path, &bytes_);
  Append(static_cast<uint32_t>(entries.size()), &bytes_);
  for (const HashCache::Entry& entry : entries) {
    AppendText(entry.name, &bytes_);
    Append(entry.identity.inode, &bytes_);
    Append(entry.identity.size, &bytes_);
    Append(entry.identity.mtime_nanos, &bytes_);
    Append(entry.identity.ctime_nanos, &bytes_);
    bytes_.append(reinterpret_cast<const char*>(entry.hash.data()), entry.hash.size());
  }
}

absl::Status HashCacheWriter::Write(const std::string& path) {
  bytes_ += Sha256Hex(bytes_);
  const absl::Status made = MakeFolders(path.substr(0, path.rfind('/')), 0700);
  if (!made.ok()) return made;
  return WriteFileAtomic(path, bytes_, 0600);
}

std::string HashCachePath(std::string_view cache_home, std::string_view home, std::string_view context) {
  std::string base(cache_home);
  if (base.empty()) {
    if (home.empty()) return "";
    base = std::string(home) + "/.cache";
  }
  return base + "/crossmill/context-" + Sha256Hex(context).substr(0, 16);
}

}  // namespace crossmill::context
