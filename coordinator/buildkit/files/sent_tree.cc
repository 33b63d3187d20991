#include "coordinator/buildkit/files/sent_tree.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/context/directory_nodes.h"

namespace crossmill::coordinator::buildkit {
namespace {

namespace reapi = ::build::bazel::remote::execution::v2;

// Go's os.FileMode.
constexpr uint32_t kGoFolder = 1U << 31, kGoLink = 1U << 27, kGoDevice = 1U << 26, kGoPipe = 1U << 25;
constexpr uint32_t kGoSetuid = 1U << 23, kGoSetgid = 1U << 22, kGoCharDevice = 1U << 21, kGoSticky = 1U << 20;
// What is set of no regular file. Both sides go by it.
constexpr uint32_t kGoNotRegular = 0x8F28'0000;
constexpr size_t kLongestName = 255;
constexpr size_t kLongestTarget = 4095;
// The root is not sent. As `docker build` sees it, and `crossmill build` a folder that was made as usual.
constexpr uint32_t kRootMode = 0755;
constexpr size_t kMostSentNotes = 100;

uint32_t UnixModeOf(uint32_t go) {
  return (go & 0777) | ((go & kGoSetuid) != 0 ? 04000 : 0) | ((go & kGoSetgid) != 0 ? 02000 : 0) |
         ((go & kGoSticky) != 0 ? 01000 : 0);
}

uint64_t HashOf(std::string_view path) { return absl::Hash<absl::string_view>()(Av(path)); }

absl::Status NoFolder(std::string_view path, std::string_view why) {
  return absl::InvalidArgumentError(
      fmt::format("the client's folder is no folder: {}: {}", Printable(path.substr(0, 200)), why));
}

}  // namespace

absl::Status SentTree::CheckPath(std::string_view path) const {
  if (path.empty()) return NoFolder(path, "an entry without a path");
  if (path.size() > limits_.longest_path)
    return NoFolder(path, fmt::format("its path is longer than {} bytes", limits_.longest_path));
  if (path.find('\0') != std::string_view::npos) return NoFolder(path, "there is a null byte in its path");
  int depth = 0;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view name = path.substr(begin, end - begin);
    if (name.empty() || name == "." || name == "..")
      return NoFolder(path, "its path is not one below the folder, in its shortest form");
    if (name.size() > kLongestName) return NoFolder(path, "a name in it is longer than 255 bytes");
    if (++depth > limits_.deepest)
      return NoFolder(path, fmt::format("it is deeper than {} folders", limits_.deepest));
    begin = end + 1;
  }
  return absl::OkStatus();
}

absl::Status SentTree::CheckRoom(const fsutil::types::Stat& stat) {
  if (static_cast<int64_t>(entries_.size()) >= limits_.most_entries) {
    return absl::ResourceExhaustedError(
        fmt::format("the client's folder has more than {} entries: name what the build does not need in "
                    ".dockerignore",
                    limits_.most_entries));
  }
  text_bytes_ += stat.path().size() - std::min(stat.path().size(), stat.path().rfind('/') + 1);
  text_bytes_ += stat.linkname().size();
  if (text_bytes_ > limits_.most_name_bytes) {
    return absl::ResourceExhaustedError(fmt::format(
        "names and links' targets of the client's folder are more than {} bytes", limits_.most_name_bytes));
  }
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> SentTree::FindParent(std::string_view folder, std::string_view path) {
  while (!open_.empty() && open_.back().path != folder) open_.pop_back();
  if (!open_.empty()) return open_.back().number;
  if (folder.empty()) return SentEntry::kNone;
  return NoFolder(path, "the folder that it is in did not come before it");
}

absl::Status SentTree::SetKind(const fsutil::types::Stat& stat, SentEntry* entry) {
  const uint32_t go = stat.mode();
  if ((go & kGoFolder) != 0) {
    entry->kind = SentEntry::Kind::kFolder;
    return absl::OkStatus();
  }
  if ((go & kGoLink) != 0) {
    if (stat.linkname().empty() || stat.linkname().size() > kLongestTarget ||
        stat.linkname().find('\0') != std::string::npos)
      return NoFolder(stat.path(), "a symbolic link without a target, or with one that no link can have");
    entry->kind = SentEntry::Kind::kLink;
    entry->target = stat.linkname();
    return absl::OkStatus();
  }
  if ((go & kGoNotRegular) != 0) {
    ++left_out_;
    const std::string_view what = (go & kGoPipe) != 0         ? "named pipe"
                                  : (go & kGoCharDevice) != 0 ? "character device"
                                  : (go & kGoDevice) != 0     ? "block device"
                                                              : "special file";
    if (notes_.size() < kMostSentNotes)
      notes_.push_back(
          fmt::format("{} is a {} and is left out of the context", Printable(stat.path()), what));
    return absl::OkStatus();
  }
  if (stat.size() < 0) return NoFolder(stat.path(), "its size is negative");
  ++files_;
  entry->kind = SentEntry::Kind::kFile;
  entry->size = stat.size();
  if (!stat.linkname().empty()) {
    const auto found = files_by_path_.find(HashOf(stat.linkname()));
    if (found == files_by_path_.end() || PathOf(found->second) != stat.linkname())
      return NoFolder(stat.path(), "it is a further name of a file that did not come before it");
    entry->kind = SentEntry::Kind::kSameFile;
    entry->same_as = found->second;
    return absl::OkStatus();
  }
  if (stat.size() > limits_.most_bytes - bytes_) {
    return absl::ResourceExhaustedError(
        fmt::format("the client's folder has more than {} bytes: name what the build does not need in "
                    ".dockerignore",
                    limits_.most_bytes));
  }
  bytes_ += stat.size();
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> SentTree::Add(const fsutil::types::Stat& stat) {
  const std::string& path = stat.path();
  RETURN_IF_ERROR(CheckPath(path));
  RETURN_IF_ERROR(CheckRoom(stat));
  const size_t slash = path.rfind('/');
  const std::string_view folder =
      slash == std::string::npos ? std::string_view() : std::string_view(path).substr(0, slash);
  SentEntry entry;
  entry.name = slash == std::string::npos ? path : path.substr(slash + 1);
  ASSIGN_OR_RETURN(entry.parent, FindParent(folder, path));
  std::string& last = open_.empty() ? last_name_ : open_.back().last_name;
  if (!last.empty() && entry.name <= last) return NoFolder(path, "it came out of order, or twice");
  last = entry.name;
  entry.mode = UnixModeOf(stat.mode());
  entry.mtime_nanos = stat.mod_time();
  RETURN_IF_ERROR(SetKind(stat, &entry));
  const auto number = static_cast<uint32_t>(entries_.size());
  if (entry.kind == SentEntry::Kind::kFolder) open_.push_back({number, path, ""});
  if (entry.kind == SentEntry::Kind::kFile) files_by_path_.emplace(HashOf(path), number);
  entries_.push_back(std::move(entry));
  return number;
}

std::string SentTree::PathOf(uint32_t number) const {
  std::vector<const std::string*> names;
  size_t size = 0;
  for (; number != SentEntry::kNone; number = entries_[number].parent) {
    names.push_back(&entries_[number].name);
    size += names.back()->size() + 1;
  }
  std::string path;
  path.reserve(size);
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    if (!path.empty()) path += '/';
    path += **name;
  }
  return path;
}

std::vector<std::string> SentTree::TakeNotes() {
  if (const auto told = static_cast<int64_t>(notes_.size()); left_out_ > told) {
    notes_.push_back(
        fmt::format("{} more sockets, pipes and devices are left out of the context", left_out_ - told));
  }
  return std::move(notes_);
}

// The property of each entry that has one.
std::vector<std::string> SentTree::HardLinks() const {
  std::vector<std::string> links;
  std::map<uint32_t, std::vector<uint32_t>> groups;
  for (uint32_t number = 0; number < entries_.size(); ++number) {
    if (entries_[number].kind == SentEntry::Kind::kSameFile)
      groups[entries_[number].same_as].push_back(number);
  }
  if (groups.empty()) return links;
  links.resize(entries_.size());
  for (auto& [file, members] : groups) {
    members.push_back(file);
    std::string first;
    for (const uint32_t member : members) {
      std::string path = PathOf(member);
      if (first.empty() || path < first) first = std::move(path);
    }
    for (const uint32_t member : members) links[member] = context::EscapedPath(first);
  }
  return links;
}

absl::StatusOr<Digest> SentTree::Build(bool keep_times, const Sink& sink) const {
  const std::vector<std::string> hard_links = HardLinks();
  // What is in each folder, in order; the root's last.
  std::vector<std::vector<uint32_t>> children(entries_.size() + 1);
  const auto slot = [&](uint32_t folder) { return folder == SentEntry::kNone ? entries_.size() : folder; };
  for (uint32_t number = 0; number < entries_.size(); ++number)
    children[slot(entries_[number].parent)].push_back(number);
  std::vector<Digest> folders(entries_.size());
  const auto build = [&](uint32_t folder) -> absl::StatusOr<Digest> {
    reapi::Directory message;
    for (const uint32_t number : children[slot(folder)]) {
      const SentEntry& entry = entries_[number];
      const SentEntry& file = entry.kind == SentEntry::Kind::kSameFile ? entries_[entry.same_as] : entry;
      const context::NodeFacts facts = {entry.name, file.mode, file.mtime_nanos, keep_times};
      if (file.kind == SentEntry::Kind::kFile) {
        context::AddFile(facts, file.hash, file.size, hard_links.empty() ? "" : hard_links[number], &message);
      } else if (entry.kind == SentEntry::Kind::kLink) {
        context::AddLink(facts, entry.target, &message);
      } else if (entry.kind == SentEntry::Kind::kFolder) {
        context::AddFolder(entry.name, folders[number], &message);
      }
    }
    const bool root = folder == SentEntry::kNone;
    context::SetFolder(
        {"", root ? kRootMode : entries_[folder].mode, root ? 0 : entries_[folder].mtime_nanos, keep_times},
        &message);
    std::string text = message.SerializeAsString();
    Digest digest = DigestOf(text);
    RETURN_IF_ERROR(sink(digest, std::move(text)));
    return digest;
  };
  // What is in a folder has a greater number than the folder.
  for (size_t number = entries_.size(); number-- > 0;) {
    if (entries_[number].kind == SentEntry::Kind::kFolder) {
      ASSIGN_OR_RETURN(folders[number], build(static_cast<uint32_t>(number)));
      std::vector<uint32_t>().swap(children[number]);
    }
  }
  return build(SentEntry::kNone);
}

}  // namespace crossmill::coordinator::buildkit
