// Images written down by tests: a table of files, folders and links; small ELF files.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/predict/image/root_files.h"
#include "common/predict/image/root_paths.h"

namespace crossmill::predict {

class MemoryRoot : public RootFiles {
 public:
  MemoryRoot() { entries_["/"].kind = Kind::kFolder; }

  // Folders above come with it.
  MemoryRoot& File(const std::string& path, std::string content = "") {
    return Put(path, Kind::kFile, std::move(content));
  }
  MemoryRoot& Link(const std::string& path, std::string target) {
    return Put(path, Kind::kLink, std::move(target));
  }
  MemoryRoot& Folder(const std::string& path) { return Put(path, Kind::kFolder, ""); }

  absl::StatusOr<Kind> Look(std::string_view path) override {
    const auto found = entries_.find(path);
    if (found == entries_.end()) return absl::NotFoundError(Av(path));
    return found->second.kind;
  }

  absl::StatusOr<Listing> List(std::string_view path, size_t limit) override {
    const auto folder = entries_.find(path);
    if (folder == entries_.end() || folder->second.kind != Kind::kFolder)
      return absl::NotFoundError(Av(path));
    Listing listing;
    const std::string begin = path == "/" ? "/" : std::string(path) + "/";
    for (auto at = entries_.upper_bound(begin); at != entries_.end() && at->first.starts_with(begin); ++at) {
      const std::string name = at->first.substr(begin.size());
      if (name.find('/') != name.npos) continue;
      if (listing.entries.size() == limit) {
        listing.cut = true;
        break;
      }
      listing.entries.push_back({name, at->second.kind});
    }
    return listing;
  }

  absl::StatusOr<std::string> Read(std::string_view path, uint64_t offset, size_t limit) override {
    const auto found = entries_.find(path);
    if (found == entries_.end() || found->second.kind != Kind::kFile) return absl::NotFoundError(Av(path));
    if (offset >= found->second.text.size()) return "";
    return found->second.text.substr(offset, limit);
  }

  absl::StatusOr<std::string> ReadLink(std::string_view path) override {
    const auto found = entries_.find(path);
    if (found == entries_.end() || found->second.kind != Kind::kLink) return absl::NotFoundError(Av(path));
    return found->second.text;
  }

 private:
  struct Node {
    Kind kind = Kind::kFile;
    std::string text;
  };

  MemoryRoot& Put(const std::string& path, Kind kind, std::string text) {
    for (std::string above = FolderOf(path); above != "/"; above = FolderOf(above)) {
      Node& folder = entries_[above];
      if (folder.kind != Kind::kLink) folder.kind = Kind::kFolder;
    }
    entries_[path] = {kind, std::move(text)};
    return *this;
  }

  std::map<std::string, Node, std::less<>> entries_;
};

struct ElfOf {
  int machine = 62;
  bool bits32 = false;
  bool big_endian = false;
  uint32_t flags = 0;
  std::string loader = "/lib64/ld-linux-x86-64.so.2";
  // Behind the headers, each between two NULs.
  std::vector<std::string> texts = {};
};

inline void PutNumber(std::string& bytes, size_t at, size_t size, uint64_t number, bool big_endian) {
  for (size_t i = 0; i < size; ++i) {
    bytes[at + (big_endian ? size - 1 - i : i)] = static_cast<char>(number & 0xff);
    number >>= 8;
  }
}

// A program with one program header, PT_INTERP, or none if there is no loader.
inline std::string Elf(const ElfOf& elf) {
  const size_t header = elf.bits32 ? 52 : 64;
  const size_t entry = elf.bits32 ? 32 : 56;
  std::string bytes(header + entry, '\0');
  const auto put = [&](size_t at, size_t size, uint64_t number) {
    PutNumber(bytes, at, size, number, elf.big_endian);
  };
  bytes.replace(0, 4,
                "\x7f"
                "ELF");
  bytes[4] = elf.bits32 ? 1 : 2;
  bytes[5] = elf.big_endian ? 2 : 1;
  put(16, 2, 3);
  put(18, 2, elf.machine);
  put(elf.bits32 ? 28 : 32, elf.bits32 ? 4 : 8, header);
  put(elf.bits32 ? 36 : 48, 4, elf.flags);
  put(elf.bits32 ? 42 : 54, 2, entry);
  put(elf.bits32 ? 44 : 56, 2, elf.loader.empty() ? 0 : 1);
  put(header, 4, 3);
  put(header + (elf.bits32 ? 4 : 8), elf.bits32 ? 4 : 8, bytes.size());
  put(header + (elf.bits32 ? 16 : 32), elf.bits32 ? 4 : 8, elf.loader.size() + 1);
  bytes += elf.loader + '\0';
  for (const std::string& text : elf.texts) bytes += '\0' + text + '\0';
  return bytes;
}

inline std::string Glibc(const std::string& version) {
  return "\x7f"
         "ELF" +
         std::string(1000, '\1') + "GNU C Library (Distribution GLIBC " + version +
         "-9) stable release version " + version + ".\nCopyright (C)";
}

}  // namespace crossmill::predict
