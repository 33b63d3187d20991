// What libarchive keeps to itself of a zip: its directory (APPNOTE 4.3.12), the headers before members, and
// the bytes outside of both. Extra fields, attributes, comments, and how members are compressed.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/compare/formats/byte_numbers.h"
#include "common/compare/formats/formats.h"

namespace crossmill::compare {
namespace {

constexpr size_t kDirectoryEnd = 22;
constexpr size_t kDirectoryEntry = 46;
constexpr size_t kLocalHeader = 30;
constexpr size_t kMostComment = 65535;

uint32_t LittleEndian(std::string_view bytes, size_t at, size_t width) {
  return static_cast<uint32_t>(NumberAt(bytes, at, width, true));
}

struct ZipMember {
  std::string_view name;
  std::string_view extra;
  std::string_view comment;
  uint32_t made_by = 0;
  uint32_t needed = 0;
  uint32_t flags = 0;
  uint32_t method = 0;
  uint32_t crc = 0;
  uint32_t compressed = 0;
  uint32_t size = 0;
  uint32_t disk = 0;
  uint32_t kind = 0;
  uint32_t attributes = 0;
  uint32_t at = 0;
  // What stands before the member itself, without its name and extra fields; and these.
  std::string_view local;
  std::string_view local_name;
  std::string_view local_extra;
  std::string_view data;
};

struct ZipDirectory {
  std::vector<ZipMember> members;
  std::string_view comment;
  // All that is in no member and not in the directory.
  std::string rest;
};

absl::Status DamagedZip() { return absl::InvalidArgumentError("the directory of the zip is damaged"); }

absl::Status ReadLocal(std::string_view zip, ZipMember* member) {
  if (member->at > zip.size() || zip.size() - member->at < kLocalHeader) return DamagedZip();
  const std::string_view local = zip.substr(member->at);
  if (!local.starts_with("PK\x03\x04")) return DamagedZip();
  const size_t name = LittleEndian(local, 26, 2), extra = LittleEndian(local, 28, 2);
  if (local.size() - kLocalHeader < name + extra + member->compressed) return DamagedZip();
  member->local = local.substr(0, kLocalHeader);
  member->local_name = local.substr(kLocalHeader, name);
  member->local_extra = local.substr(kLocalHeader + name, extra);
  member->data = local.substr(kLocalHeader + name + extra, member->compressed);
  return absl::OkStatus();
}

// Of the checksum and sizes once more behind a member, where its flags say that they are there: the numbers
// are those of the directory, with a signature or without. 0: there are none.
size_t SizeOfDescriptor(std::string_view behind, const ZipMember& member) {
  constexpr uint32_t kHasDescriptor = 8;
  if ((member.flags & kHasDescriptor) == 0) return 0;
  const size_t signature = behind.starts_with("PK\x07\x08") ? 4 : 0;
  for (const size_t width : {4, 8}) {
    const size_t size = signature + 4 + 2 * width;
    if (behind.size() < size || LittleEndian(behind, signature, 4) != member.crc) continue;
    if (NumberAt(behind, signature + 4, width, true) == member.compressed &&
        NumberAt(behind, signature + 4 + width, width, true) == member.size)
      return size;
  }
  return 0;
}

// The bytes of a zip that are in no member; its directory begins and ends there.
std::string RestOf(std::string_view zip, const std::vector<ZipMember>& members, size_t begin, size_t end) {
  std::map<size_t, const ZipMember*> by_place;
  for (const ZipMember& member : members) by_place.emplace(member.at, &member);
  std::string rest;
  size_t at = 0;
  for (const auto& [place, member] : by_place) {
    if (place > at) rest += zip.substr(at, place - at);
    const auto last = static_cast<size_t>(member->data.data() - zip.data()) + member->data.size();
    at = std::max(at, last + SizeOfDescriptor(zip.substr(last), *member));
  }
  if (begin > at) rest += zip.substr(at, begin - at);
  // Between the directory and its end there are signatures. Of the end of a large zip the places and sizes
  // follow.
  constexpr size_t kLargeEnd = 56, kLargeEndLocator = 20, kLargeEndHead = 24;
  const std::string_view between = zip.substr(end, zip.rfind("PK\x05\x06") - end);
  const bool is_large_end = between.size() == kLargeEnd + kLargeEndLocator &&
                            between.starts_with("PK\x06\x06") &&
                            between.substr(kLargeEnd).starts_with("PK\x06\x07");
  rest += is_large_end ? between.substr(0, kLargeEndHead) : between;
  return rest;
}

absl::StatusOr<ZipDirectory> DirectoryOf(std::string_view zip, size_t most) {
  const size_t end = zip.rfind("PK\x05\x06");
  if (end == std::string_view::npos || zip.size() - end < kDirectoryEnd ||
      zip.size() - end > kDirectoryEnd + kMostComment)
    return DamagedZip();
  ZipDirectory directory;
  directory.comment = zip.substr(end + kDirectoryEnd);
  const uint32_t count = LittleEndian(zip, end + 10, 2);
  const size_t begin = LittleEndian(zip, end + 16, 4);
  size_t at = begin;
  if (count > most || begin > end) return DamagedZip();
  for (uint32_t i = 0; i < count; ++i) {
    if (at > end || end - at < kDirectoryEntry || zip.substr(at, 4) != "PK\x01\x02") return DamagedZip();
    const std::string_view entry = zip.substr(at, end - at);
    const size_t name = LittleEndian(entry, 28, 2), extra = LittleEndian(entry, 30, 2);
    const size_t comment = LittleEndian(entry, 32, 2);
    if (entry.size() - kDirectoryEntry < name + extra + comment) return DamagedZip();
    ZipMember member{.name = entry.substr(kDirectoryEntry, name),
                     .extra = entry.substr(kDirectoryEntry + name, extra),
                     .comment = entry.substr(kDirectoryEntry + name + extra, comment),
                     .made_by = LittleEndian(entry, 4, 2),
                     .needed = LittleEndian(entry, 6, 2),
                     .flags = LittleEndian(entry, 8, 2),
                     .method = LittleEndian(entry, 10, 2),
                     .crc = LittleEndian(entry, 16, 4),
                     .compressed = LittleEndian(entry, 20, 4),
                     .size = LittleEndian(entry, 24, 4),
                     .disk = LittleEndian(entry, 34, 2),
                     .kind = LittleEndian(entry, 36, 2),
                     .attributes = LittleEndian(entry, 38, 4),
                     .at = LittleEndian(entry, 42, 4),
                     .local = {},
                     .local_name = {},
                     .local_extra = {},
                     .data = {}};
    RETURN_IF_ERROR(ReadLocal(zip.substr(0, begin), &member));
    directory.members.push_back(member);
    at += kDirectoryEntry + name + extra + comment;
  }
  directory.rest = RestOf(zip, directory.members, begin, at);
  return directory;
}

// The class of an extra field by its number; empty: its bytes have to tell.
std::string_view ClassOfExtra(uint32_t id) {
  constexpr uint32_t kTimes = 0x5455, kNtfsTimes = 0x000a, kOwner = 0x7875, kOldUnix = 0x5855;
  if (id == kTimes || id == kNtfsTimes || id == kOldUnix) return "archive-time";
  return id == kOwner ? "member-owner" : "";
}

// The extra field of sizes that have more than 4 bytes.
constexpr uint32_t kLargeSizes = 0x0001;

struct ZipExtra {
  uint32_t id = 0;
  std::string_view bytes;
};

// What does not divide into fields is one of its own.
std::vector<ZipExtra> FieldsOf(std::string_view extra) {
  std::vector<ZipExtra> fields;
  while (!extra.empty()) {
    const size_t size = extra.size() < 4 ? extra.size() : 4 + LittleEndian(extra, 2, 2);
    const uint32_t id = extra.size() < 4 ? 0 : LittleEndian(extra, 0, 2);
    fields.push_back({id, extra.substr(0, size)});
    extra.remove_prefix(std::min(size, extra.size()));
  }
  return fields;
}

// What two zips differ in otherwise than in what libarchive tells of members; one difference for each field,
// of the first member that differs. What has the class of something that was told of the members is not told
// once more: it is the same time or owner in another place.
class DirectoryComparer {
 public:
  // `told`: from this index on there are the differences that were told of the same zip.
  DirectoryComparer(int told, Differences* differences) : told_(told), differences_(differences) {}

  void Compare(const ZipMember& first, const ZipMember& second) {
    name_ = first.name;
    same_contents_ = first.crc == second.crc && first.data == second.data;
    CompareExtras("extra field", first.extra, second.extra);
    CompareNumber("member-mode", "attributes", first.attributes, second.attributes);
    CompareNumber("compressor", "version and system of what made it,", first.made_by, second.made_by);
    CompareNumber("compressor", "version that is needed", first.needed, second.needed);
    CompareNumber("compressor", "flags", first.flags, second.flags);
    CompareNumber("compressor", "method of compression", first.method, second.method);
    CompareNumber("", "number of the disk", first.disk, second.disk);
    CompareNumber("compressor", "internal attributes", first.kind, second.kind);
    if (first.comment != second.comment) Add("", "comment", first.comment, second.comment);
    // Where both say the same, so does libarchive.
    if (first.name == second.name && first.local_name != second.local_name)
      Add("", "name in the header before it", first.local_name, second.local_name);
    CompareExtras("extra field of the header before it", first.local_extra, second.local_extra);
    CompareLocal(first, second);
    // One content in two forms.
    if (first.crc == second.crc && first.size == second.size && first.data != second.data) packed_ = true;
  }

  // Some member has another compressed form on the other side.
  bool packed() const { return packed_; }
  bool WasTold(std::string_view cause) const { return differences_->HasCause(told_, cause); }

 private:
  void CompareLocal(const ZipMember& first, const ZipMember& second) {
    const auto number = [](const ZipMember& member, size_t at, size_t width) {
      return LittleEndian(member.local, at, width);
    };
    const auto compare = [&](std::string_view cause, std::string_view what, size_t at, size_t width) {
      CompareNumber(cause, what, number(first, at, width), number(second, at, width));
    };
    compare("compressor", "version in the header before it", 4, 2);
    compare("compressor", "flags in the header before it", 6, 2);
    compare("compressor", "method in the header before it", 8, 2);
    compare("archive-time", "time in the header before it", 10, 4);
    // They follow from contents and forms that are told, unless those are the same.
    if (!same_contents_) return;
    compare("", "checksum in the header before it", 14, 4);
    compare("", "compressed size in the header before it", 18, 4);
    compare("", "size in the header before it", 22, 4);
  }

  void CompareNumber(std::string_view cause, std::string_view what, uint32_t a, uint32_t b) {
    if (a == b) return;
    // Modes and times are told by libarchive.
    if ((cause == "member-mode" || cause == "archive-time") && WasTold(cause)) return;
    Add(cause, what, fmt::format("{:#x}", a), fmt::format("{:#x}", b));
  }

  void CompareExtras(std::string_view what, std::string_view first, std::string_view second) {
    if (first == second) return;
    const auto ours = FieldsOf(first), theirs = FieldsOf(second);
    const bool same_kinds = std::equal(ours.begin(), ours.end(), theirs.begin(), theirs.end(),
                                       [](const auto& a, const auto& b) { return a.id == b.id; });
    if (!same_kinds) return Add("", fmt::format("{}s", what), first, second);
    for (size_t i = 0; i < ours.size(); ++i) {
      const std::string_view cause = ClassOfExtra(ours[i].id);
      if (ours[i].bytes == theirs[i].bytes || (!cause.empty() && WasTold(cause))) continue;
      // As of the other sizes.
      if (ours[i].id == kLargeSizes && !same_contents_) continue;
      Add(cause, fmt::format("{} {:#06x}", what, ours[i].id), ours[i].bytes, theirs[i].bytes);
    }
  }

  void Add(std::string_view cause, std::string_view what, std::string_view first, std::string_view second) {
    if (!fields_.emplace(what).second) return;
    differences_->AddOf(cause, fmt::format("{} of member {}", what, name_), first, second);
  }

  const int told_;
  Differences* differences_;
  std::string_view name_;
  bool same_contents_ = false;
  // What was told of some member.
  std::set<std::string, std::less<>> fields_;
  bool packed_ = false;
};

}  // namespace

void CompareZipDirectories(std::string_view first, std::string_view second, int told,
                           Differences* differences) {
  const auto ours = DirectoryOf(first, differences->limits().members);
  const auto theirs = DirectoryOf(second, differences->limits().members);
  if (!ours.ok() || !theirs.ok()) {
    // Where nothing else differs, the bytes are compared.
    if (differences->count() > told) differences->SetIncomplete();
    return;
  }
  if (ours->comment != theirs->comment)
    differences->Add("comment of the archive", ours->comment, theirs->comment);
  DirectoryComparer comparer(told, differences);
  // Members of one name in their order; those that one side alone has are told.
  std::map<std::string_view, std::vector<const ZipMember*>> others;
  for (const ZipMember& member : theirs->members) others[member.name].push_back(&member);
  std::map<std::string_view, size_t> used;
  for (const ZipMember& member : ours->members) {
    const auto found = others.find(member.name);
    const size_t index = used[member.name]++;
    if (found != others.end() && index < found->second.size())
      comparer.Compare(member, *found->second[index]);
  }
  if (ours->rest != theirs->rest) {
    const Differences::Part part(*differences, "bytes outside of members");
    CompareBytes(ours->rest, theirs->rest, differences);
  }
  if (comparer.packed() && !comparer.WasTold("compressor"))
    differences->AddOf("compressor", "compressed form of members with the same contents",
                       fmt::format("{} bytes", first.size()), fmt::format("{} bytes", second.size()));
}

}  // namespace crossmill::compare
