#include "coordinator/buildkit/outputs/result_tree.h"

#include <algorithm>

#include "common/base/opening/resolve_in_root.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::coordinator::buildkit {
namespace {

constexpr size_t kMostPaths = 1'000'000;
absl::Status Missing(const std::string& path) {
  return absl::NotFoundError(fmt::format("{}: no such file or directory", Printable(path)));
}

}  // namespace

absl::StatusOr<std::shared_ptr<const ResultTree>> ResultTree::Read(const Digest& manifest,
                                                                   const ExportServices& services) {
  ASSIGN_OR_RETURN(NamelessFile contents,
                   NamelessFile::Create(services.temporary_folder, services.take_room));
  std::shared_ptr<ResultTree> tree(new ResultTree(std::move(contents)));
  RETURN_IF_ERROR(oci::AddImageLayers(services.blobs, manifest, tree->files_));
  if (tree->files_.paths() > kMostPaths) {
    return absl::ResourceExhaustedError(
        fmt::format("the image has {} paths: files of one with more than {} are not read here: export it",
                    tree->files_.paths(), kMostPaths));
  }
  RETURN_IF_ERROR(tree->files_.Visit([&](const layer::TarEntry& entry, const layer::Source&) {
    tree->entries_[entry.path] = entry;
    return absl::OkStatus();
  }));
  return std::shared_ptr<const ResultTree>(std::move(tree));
}

absl::StatusOr<std::string> ResultTree::Resolve(const std::string& path) const {
  const auto real =
      ResolveInRoot(path, [&](const std::string& at) -> absl::StatusOr<std::optional<std::string>> {
        const auto found = entries_.find(at.substr(1));
        if (found == entries_.end()) return Missing(path);
        if (found->second.type != layer::EntryType::kSymlink) return std::nullopt;
        return found->second.link;
      });
  // Links that lead nowhere are the client's own.
  if (absl::IsFailedPrecondition(real.status())) return absl::InvalidArgumentError(real.status().message());
  RETURN_IF_ERROR(real.status());
  return real->substr(1);
}

absl::StatusOr<layer::TarEntry> ResultTree::Stat(const std::string& path) const {
  ASSIGN_OR_RETURN(const std::string real, Resolve(path));
  layer::TarEntry entry;
  if (real.empty()) {
    entry.type = layer::EntryType::kDirectory;
    entry.mode = 0755;
    return entry;
  }
  entry = entries_.at(real);
  // Of several names for one file the first has what the others share.
  if (entry.type == layer::EntryType::kHardLink) {
    const auto first = entries_.find(entry.link);
    if (first == entries_.end()) return Missing(path);
    entry = first->second;
  }
  return entry;
}

absl::StatusOr<std::string> ResultTree::ReadFile(const std::string& path, int64_t offset, int64_t length,
                                                 int64_t most) const {
  ASSIGN_OR_RETURN(const layer::TarEntry wanted, Stat(path));
  if (wanted.type != layer::EntryType::kFile)
    return absl::InvalidArgumentError(fmt::format("{} is no file", Printable(path)));
  const int64_t begin = std::clamp<int64_t>(offset, 0, wanted.size);
  const int64_t count = length <= 0 ? wanted.size - begin : std::min(length, wanted.size - begin);
  if (count > most)
    return absl::ResourceExhaustedError(
        fmt::format("{}: {} bytes; expected at most {}: read a range of it", Printable(path), count, most));
  std::string bytes;
  const absl::Status visited = files_.Visit([&](const layer::TarEntry& entry, const layer::Source& content) {
    if (entry.path != wanted.path || entry.size == 0) return absl::OkStatus();
    std::vector<char> buffer(256 << 10);
    int64_t at = 0;
    while (at < begin + count) {
      ASSIGN_OR_RETURN(const size_t read, content(buffer.data(), buffer.size()));
      if (read == 0) break;
      const auto end = at + static_cast<int64_t>(read);
      const int64_t from = std::max(at, begin);
      const int64_t to = std::min(end, begin + count);
      if (from < to) bytes.append(buffer.data() + (from - at), static_cast<size_t>(to - from));
      at = end;
    }
    // There is nothing more to be seen.
    return absl::Status(absl::StatusCode::kAborted, "");
  });
  if (!visited.ok() && !absl::IsAborted(visited)) return visited;
  return bytes;
}

absl::StatusOr<std::vector<layer::TarEntry>> ResultTree::List(const std::string& path) const {
  ASSIGN_OR_RETURN(const std::string real, Resolve(path));
  if (!real.empty() && entries_.at(real).type != layer::EntryType::kDirectory)
    return absl::InvalidArgumentError(fmt::format("{} is no folder", Printable(path)));
  const std::string prefix = real.empty() ? "" : real + "/";
  std::vector<layer::TarEntry> listed;
  for (auto it = real.empty() ? entries_.begin() : entries_.upper_bound(real); it != entries_.end(); ++it) {
    if (!it->first.starts_with(prefix)) break;
    const std::string name = it->first.substr(prefix.size());
    if (name.empty() || name.find('/') != std::string::npos) continue;
    layer::TarEntry entry = it->second;
    if (entry.type == layer::EntryType::kHardLink) {
      ASSIGN_OR_RETURN(entry, Stat(it->first));
    }
    entry.path = name;
    listed.push_back(std::move(entry));
  }
  return listed;
}

}  // namespace crossmill::coordinator::buildkit
