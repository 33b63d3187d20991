// Archives, member by member: libarchive reads them, so what it reads is what is compared. What it keeps to
// itself is looked at beside it (zip_directory.cc, tar_remains.cc).
#include <archive_entry.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/compare/formats/archive_reader.h"
#include "common/compare/formats/formats.h"
#include "common/layer/ustar.h"

namespace crossmill::compare {
namespace {

namespace ustar = layer::ustar;
using ustar::kBlock;

struct Member {
  std::string name;
  std::string content;
  std::string link;
  // Seconds, and nanoseconds where the format has them.
  std::string mtime;
  bool has_mtime = false;
  int64_t size = 0;
  int64_t uid = 0;
  int64_t gid = 0;
  std::string owner;
  uint32_t mode = 0;
  bool has_mode = false;
};

std::string TextOf(const char* text) { return text == nullptr ? std::string() : std::string(text); }

Member MemberOf(archive_entry* entry) {
  Member member;
  member.name = TextOf(archive_entry_pathname(entry));
  member.link = TextOf(archive_entry_symlink(entry));
  if (member.link.empty()) member.link = TextOf(archive_entry_hardlink(entry));
  if (archive_entry_rdev(entry) != 0)
    member.link = fmt::format("device {}:{}", archive_entry_rdevmajor(entry), archive_entry_rdevminor(entry));
  member.has_mtime = archive_entry_mtime_is_set(entry) != 0;
  member.mtime = fmt::format("{}", archive_entry_mtime(entry));
  if (archive_entry_mtime_nsec(entry) != 0)
    member.mtime += fmt::format(".{:09}", archive_entry_mtime_nsec(entry));
  member.size = archive_entry_size(entry);
  member.uid = archive_entry_uid(entry);
  member.gid = archive_entry_gid(entry);
  member.owner = TextOf(archive_entry_uname(entry)) + ":" + TextOf(archive_entry_gname(entry));
  member.has_mode = archive_entry_filetype(entry) != 0 || archive_entry_perm(entry) != 0;
  member.mode = archive_entry_mode(entry);
  return member;
}

absl::StatusOr<std::vector<Member>> ReadMembers(std::string_view format, std::string_view bytes,
                                                Differences* differences) {
  const ArchiveReader reader(archive_read_new());
  if (format == "tar") archive_read_support_format_tar(reader.get());
  // From the directory at its end, as programs read it.
  if (format == "zip") archive_read_support_format_zip_seekable(reader.get());
  if (format == "ar") archive_read_support_format_ar(reader.get());
  if (format == "cpio") archive_read_support_format_cpio(reader.get());
  if (archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) {
    return Damaged(reader.get());
  }
  std::vector<Member> members;
  while (true) {
    archive_entry* entry = nullptr;
    const int next = archive_read_next_header(reader.get(), &entry);
    if (next == ARCHIVE_EOF) return members;
    if (next < ARCHIVE_WARN) return Damaged(reader.get());
    if (members.size() >= differences->limits().members) {
      return absl::ResourceExhaustedError("the archive has more members than are compared");
    }
    Member& member = members.emplace_back(MemberOf(entry));
    ASSIGN_OR_RETURN(member.content, ReadData(reader.get(), differences));
  }
}

// Compares the members of two archives. Used once.
class MemberComparer {
 public:
  MemberComparer(const std::vector<Member>& first, const std::vector<Member>& second,
                 const ComparePart& compare_part, Differences* differences)
      : first_(first), second_(second), compare_part_(compare_part), differences_(differences) {}

  absl::Status Compare() {
    Pair();
    CompareOrder();
    AddAlone();
    CompareField("archive-time", "time",
                 [](const Member& member) { return member.has_mtime ? member.mtime : std::string("none"); });
    CompareField("member-owner", "owner", [](const Member& member) {
      return fmt::format("{}:{} {}", member.uid, member.gid, member.owner);
    });
    CompareField("member-mode", "mode", [](const Member& member) {
      return member.has_mode ? fmt::format("{:o}", member.mode) : std::string("none");
    });
    CompareField("", "link", [](const Member& member) { return member.link; });
    for (const auto& [ours, theirs] : pairs_) {
      if (ours->content == theirs->content) continue;
      const Differences::Part part(*differences_, fmt::format("member {}", ours->name));
      RETURN_IF_ERROR(compare_part_(ours->name, ours->content, theirs->content));
    }
    return absl::OkStatus();
  }

 private:
  // Members of one name in their order: an archive can hold a name more than once.
  void Pair() {
    std::map<std::string_view, std::vector<const Member*>> others;
    for (const Member& member : second_) others[member.name].push_back(&member);
    std::map<std::string_view, size_t> used;
    for (const Member& member : first_) {
      const auto found = others.find(member.name);
      const size_t index = used[member.name]++;
      if (found == others.end() || index >= found->second.size()) {
        only_first_.push_back(&member);
      } else {
        pairs_.emplace_back(&member, found->second[index]);
      }
    }
    for (const auto& [name, members] : others) {
      for (size_t i = used[name]; i < members.size(); ++i) only_second_.push_back(members[i]);
    }
  }

  void CompareOrder() {
    std::vector<std::string_view> ours, theirs;
    std::set<const Member*> alone(only_first_.begin(), only_first_.end());
    alone.insert(only_second_.begin(), only_second_.end());
    for (const Member& member : first_) {
      if (!alone.contains(&member)) ours.push_back(member.name);
    }
    for (const Member& member : second_) {
      if (!alone.contains(&member)) theirs.push_back(member.name);
    }
    const auto [a, b] = std::mismatch(ours.begin(), ours.end(), theirs.begin(), theirs.end());
    if (a == ours.end()) return;
    Add("member-order", fmt::format("order of members, from member {} on", a - ours.begin() + 1), *a, *b);
  }

  void AddAlone() {
    for (const Member* member : only_first_) Add("", "member " + member->name, member->name, "");
    for (const Member* member : only_second_) Add("", "member " + member->name, "", member->name);
  }

  // One difference for all members that differ in a field: the first of them is shown.
  void CompareField(std::string_view cause, std::string_view what,
                    const std::function<std::string(const Member&)>& field) {
    const std::pair<const Member*, const Member*>* shown = nullptr;
    size_t count = 0;
    for (const auto& pair : pairs_) {
      if (field(*pair.first) == field(*pair.second)) continue;
      if (shown == nullptr) shown = &pair;
      ++count;
    }
    if (shown == nullptr) return;
    const std::string more = count > 1 ? fmt::format(" and of {} more members", count - 1) : "";
    Add(cause, fmt::format("{} of member {}{}", what, shown->first->name, more), field(*shown->first),
        field(*shown->second));
  }

  void Add(std::string_view cause, std::string_view place, std::string_view first, std::string_view second) {
    differences_->AddOf(cause, place, first, second);
  }

  const std::vector<Member>& first_;
  const std::vector<Member>& second_;
  const ComparePart& compare_part_;
  Differences* differences_;
  std::vector<std::pair<const Member*, const Member*>> pairs_;
  std::vector<const Member*> only_first_;
  std::vector<const Member*> only_second_;
};

}  // namespace

std::string_view ArchiveOf(std::string_view bytes) {
  if (bytes.starts_with("!<arch>\n")) return "ar";
  if (bytes.starts_with("PK\x03\x04") || bytes.starts_with(std::string_view("PK\x05\x06", 4))) return "zip";
  if (bytes.size() >= kBlock && bytes.substr(257, 5) == "ustar") return "tar";
  if (bytes.starts_with("070701") || bytes.starts_with("070702") || bytes.starts_with("070707"))
    return "cpio";
  return "";
}

absl::Status CompareArchives(std::string_view format, std::string_view first, std::string_view second,
                             const ComparePart& compare_part, Differences* differences) {
  ASSIGN_OR_RETURN(const std::vector<Member> ours, ReadMembers(format, first, differences));
  ASSIGN_OR_RETURN(const std::vector<Member> theirs, ReadMembers(format, second, differences));
  MemberComparer comparer(ours, theirs, compare_part, differences);
  const Differences::Part part(*differences, std::string(format));
  const int before = differences->count();
  RETURN_IF_ERROR(comparer.Compare());
  if (format == "zip") CompareZipDirectories(first, second, before, differences);
  if (format == "tar") RETURN_IF_ERROR(CompareTarRemains(first, second, before, compare_part, differences));
  if (format == "ar") CompareArRemains(first, second, before, differences);
  // Equal in all that was looked at.
  if (differences->count() == before) CompareBytes(first, second, differences);
  return absl::OkStatus();
}

}  // namespace crossmill::compare
