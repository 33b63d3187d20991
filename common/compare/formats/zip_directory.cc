// The directory of a zip (APPNOTE 4.3.12), for what libarchive keeps to itself: extra fields, attributes,
// comments, and how members are compressed.
#include <string>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/compare/formats/byte_numbers.h"
#include "common/compare/formats/formats.h"

namespace crossmill::compare {
namespace {

constexpr size_t kDirectoryEnd = 22;
constexpr size_t kDirectoryEntry = 46;
constexpr size_t kMostComment = 65535;

uint32_t LittleEndian(std::string_view bytes, size_t at, size_t width) {
  return static_cast<uint32_t>(NumberAt(bytes, at, width, true));
}

struct ZipMember {
  std::string_view name;
  std::string_view extra;
  std::string_view comment;
  uint32_t made_by = 0;
  uint32_t flags = 0;
  uint32_t method = 0;
  uint32_t crc = 0;
  uint32_t compressed = 0;
  uint32_t attributes = 0;
};

struct ZipDirectory {
  std::vector<ZipMember> members;
  std::string_view comment;
};

absl::StatusOr<ZipDirectory> DirectoryOf(std::string_view zip, size_t most) {
  const absl::Status damaged = absl::InvalidArgumentError("the directory of the zip is damaged");
  const size_t end = zip.rfind("PK\x05\x06");
  if (end == std::string_view::npos || zip.size() - end < kDirectoryEnd ||
      zip.size() - end > kDirectoryEnd + kMostComment)
    return damaged;
  ZipDirectory directory;
  directory.comment = zip.substr(end + kDirectoryEnd);
  const uint32_t count = LittleEndian(zip, end + 10, 2);
  size_t at = LittleEndian(zip, end + 16, 4);
  if (count > most) return damaged;
  for (uint32_t i = 0; i < count; ++i) {
    if (at > end || end - at < kDirectoryEntry || zip.substr(at, 4) != "PK\x01\x02") return damaged;
    const std::string_view entry = zip.substr(at, end - at);
    const size_t name = LittleEndian(entry, 28, 2), extra = LittleEndian(entry, 30, 2);
    const size_t comment = LittleEndian(entry, 32, 2);
    if (entry.size() - kDirectoryEntry < name + extra + comment) return damaged;
    directory.members.push_back({.name = entry.substr(kDirectoryEntry, name),
                                 .extra = entry.substr(kDirectoryEntry + name, extra),
                                 .comment = entry.substr(kDirectoryEntry + name + extra, comment),
                                 .made_by = LittleEndian(entry, 4, 2),
                                 .flags = LittleEndian(entry, 8, 2),
                                 .method = LittleEndian(entry, 10, 2),
                                 .crc = LittleEndian(entry, 16, 4),
                                 .compressed = LittleEndian(entry, 20, 4),
                                 .attributes = LittleEndian(entry, 38, 4)});
    at += kDirectoryEntry + name + extra + comment;
  }
  return directory;
}

// The class of an extra field by its number; empty: its bytes have to tell.
std::string_view ClassOfExtra(uint32_t id) {
  constexpr uint32_t kTimes = 0x5455, kNtfsTimes = 0x000a, kOwner = 0x7875, kOldUnix = 0x5855;
  if (id == kTimes || id == kNtfsTimes || id == kOldUnix) return "archive-time";
  return id == kOwner ? "member-owner" : "";
}

// The first extra field that differs; what does not divide into fields is one of its own.
void AddExtra(const ZipMember& first, const ZipMember& second, Differences* differences) {
  size_t at = 0;
  while (at + 4 <= first.extra.size() && at + 4 <= second.extra.size()) {
    const size_t ours = 4 + LittleEndian(first.extra, at + 2, 2);
    const size_t theirs = 4 + LittleEndian(second.extra, at + 2, 2);
    const uint32_t id = LittleEndian(first.extra, at, 2);
    if (first.extra.substr(at, ours) == second.extra.substr(at, theirs)) {
      at += ours;
      continue;
    }
    const bool same_kind = id == LittleEndian(second.extra, at, 2);
    differences->AddOf(same_kind ? ClassOfExtra(id) : std::string_view(),
                       fmt::format("extra field {:#06x} of member {}", id, first.name),
                       first.extra.substr(at, ours), second.extra.substr(at, theirs));
    return;
  }
  differences->Add(fmt::format("extra fields of member {}", first.name), first.extra, second.extra);
}

// What members of equal contents differ in; one difference for each field, of the first member that differs.
class DirectoryComparer {
 public:
  explicit DirectoryComparer(Differences* differences) : differences_(differences) {}

  void Compare(const ZipMember& first, const ZipMember& second) {
    if (first.extra != second.extra && !std::exchange(extra_, true)) AddExtra(first, second, differences_);
    const auto number = [&](bool* told, std::string_view cause, std::string_view what, uint32_t a,
                            uint32_t b) {
      if (a == b || std::exchange(*told, true)) return;
      differences_->AddOf(cause, fmt::format("{} of member {}", what, first.name), fmt::format("{:#x}", a),
                          fmt::format("{:#x}", b));
    };
    number(&attributes_, "member-mode", "attributes", first.attributes, second.attributes);
    number(&made_by_, "compressor", "version and system of what made it,", first.made_by, second.made_by);
    number(&flags_, "compressor", "flags", first.flags, second.flags);
    number(&method_, "compressor", "method of compression", first.method, second.method);
    if (first.comment != second.comment && !std::exchange(comment_, true))
      differences_->Add(fmt::format("comment of member {}", first.name), first.comment, second.comment);
  }

 private:
  Differences* differences_;
  bool extra_ = false, attributes_ = false, made_by_ = false, flags_ = false, method_ = false,
       comment_ = false;
};

}  // namespace

void CompareZipDirectories(std::string_view first, std::string_view second, Differences* differences) {
  const auto ours = DirectoryOf(first, differences->limits().members);
  const auto theirs = DirectoryOf(second, differences->limits().members);
  if (!ours.ok() || !theirs.ok() || ours->members.size() != theirs->members.size()) return;
  const int before = differences->count();
  if (ours->comment != theirs->comment) differences->Add("comment", ours->comment, theirs->comment);
  DirectoryComparer comparer(differences);
  bool same_contents = true;
  for (size_t i = 0; i < ours->members.size(); ++i) {
    if (ours->members[i].name != theirs->members[i].name) return;
    comparer.Compare(ours->members[i], theirs->members[i]);
    same_contents = same_contents && ours->members[i].crc == theirs->members[i].crc;
  }
  if (differences->count() > before || !same_contents) return;
  differences->AddOf("compressor", "compressed form of members with the same contents",
                     fmt::format("{} bytes", first.size()), fmt::format("{} bytes", second.size()));
}

}  // namespace crossmill::compare
