#include "common/plan/tree_survey.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "common/base/paths.h"
#include "common/base/status.h"

namespace crossmill::plan {
namespace {

constexpr size_t kLongestName = 255;
// Then all is forgotten; some 100 bytes each.
constexpr size_t kMostKnown = 500'000;

absl::Status CheckName(const std::string& name) {
  if (name.empty() || name == "." || name == ".." || name.find('/') != name.npos ||
      name.find('\0') != name.npos) {
    return absl::InvalidArgumentError("the context has an entry whose name no folder can hold");
  }
  if (name.size() <= kLongestName) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format(
      "the context has a name of {} bytes, which no file system takes: '{}...'; expected at most {}",
      name.size(), name.substr(0, 40), kLongestName));
}

absl::Status TooLong() {
  return absl::InvalidArgumentError(fmt::format(
      "the context has a path of more than {} bytes, which no system can open; expected shorter paths",
      kLongestPath));
}

}  // namespace

std::optional<TreeSize> KnownTrees::Find(const Digest& digest) const {
  MutexLock lock(mutex_);
  const auto found = sizes_.find(digest);
  if (found == sizes_.end()) return std::nullopt;
  return found->second;
}

void KnownTrees::Note(const Digest& digest, const TreeSize& size) {
  MutexLock lock(mutex_);
  if (sizes_.size() >= kMostKnown) sizes_.clear();
  sizes_[digest] = size;
}

// A folder whose own folders are being measured.
struct TreeSurvey::Open {
  Digest digest;
  TreeSize size;
  std::vector<std::pair<Digest, int64_t>> folders;  // with the bytes of their names
  size_t next = 0;
};

absl::Status TreeSurvey::Add(const TreeSize& below, int64_t name_bytes, TreeSize* size) const {
  size->entries += below.entries + 1;
  if (size->entries > most_entries_) {
    return absl::InvalidArgumentError(fmt::format(
        "the context unfolds to more than {} files and folders; expected a smaller one (.dockerignore leaves "
        "files out)",
        most_entries_));
  }
  const int64_t path = name_bytes + (below.longest_path == 0 ? 0 : 1 + below.longest_path);
  size->longest_path = std::max(size->longest_path, path);
  if (size->longest_path <= static_cast<int64_t>(kLongestPath)) return absl::OkStatus();
  return TooLong();
}

absl::StatusOr<TreeSurvey::Open> TreeSurvey::Begin(const Digest& digest, const ReadDirectory& read) {
  ASSIGN_OR_RETURN(const reapi::Directory directory, read(digest));
  Open open;
  open.digest = digest;
  const auto leaf = [&](const std::string& name) {
    RETURN_IF_ERROR(CheckName(name));
    return Add({}, static_cast<int64_t>(name.size()), &open.size);
  };
  for (const reapi::FileNode& file : directory.files()) RETURN_IF_ERROR(leaf(file.name()));
  for (const reapi::SymlinkNode& link : directory.symlinks()) {
    RETURN_IF_ERROR(leaf(link.name()));
    if (link.target().size() > kLongestPath) return TooLong();
  }
  for (const reapi::DirectoryNode& folder : directory.directories()) {
    RETURN_IF_ERROR(CheckName(folder.name()));
    open.folders.emplace_back(FromProto(folder.digest()), static_cast<int64_t>(folder.name().size()));
  }
  return open;
}

absl::StatusOr<TreeSize> TreeSurvey::Measure(const Digest& root, const ReadDirectory& read,
                                             const std::stop_token& stop) {
  if (const auto known = known_.Find(root)) {
    TreeSize size;
    // The limit may have been another one.
    RETURN_IF_ERROR(Add(*known, 0, &size));
    return *known;
  }
  // A folder cannot be in itself: its digest would have to hold its own.
  std::vector<Open> open;
  ASSIGN_OR_RETURN(Open first, Begin(root, read));
  open.push_back(std::move(first));
  while (true) {
    if (stop.stop_requested()) return absl::CancelledError("planning was cancelled");
    Open& top = open.back();
    if (top.next == top.folders.size()) {
      const TreeSize size = top.size;
      known_.Note(top.digest, size);
      open.pop_back();
      if (open.empty()) return size;
      Open& parent = open.back();
      RETURN_IF_ERROR(Add(size, parent.folders[parent.next - 1].second, &parent.size));
      continue;
    }
    const auto [digest, name_bytes] = top.folders[top.next++];
    if (const auto known = known_.Find(digest)) {
      RETURN_IF_ERROR(Add(*known, name_bytes, &top.size));
      continue;
    }
    ASSIGN_OR_RETURN(Open below, Begin(digest, read));
    open.push_back(std::move(below));
    // Each name has a byte at least.
    if (open.size() > kLongestPath) return TooLong();
  }
}

}  // namespace crossmill::plan
