#include "worker/tree/lower_tree.h"

#include <dirent.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "common/base/status.h"
#include "worker/tree/long_path.h"

namespace crossmill::worker {

absl::StatusOr<std::vector<std::string>> ListFolder(const std::string& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir(ReachablePath(folder).c_str()), closedir);
  if (stream == nullptr) return ErrnoStatus(errno, folder);
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const dirent* entry = readdir(stream.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return ErrnoStatus(errno, folder);
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<std::optional<LowerFile>> LookUp(const MergedFolder& folder, const std::string& name) {
  std::optional<LowerFile> result;
  for (const std::string& layer : folder) {
    std::string file = fmt::format("{}/{}", layer, name);
    ASSIGN_OR_RETURN(std::optional<FoundFile> found, InspectFile(file, name));
    if (!found) continue;
    const bool is_folder =
        found->kind == FileKind::kEntry && found->entry.type == layer::EntryType::kDirectory;
    // A whiteout, or a file below a directory, ends the search: what lies deeper is hidden.
    if (!is_folder && (result || found->kind == FileKind::kWhiteout)) break;
    const bool last = !is_folder || found->opaque;
    if (!result) result = LowerFile{.found = *std::move(found), .file = file, .folder = {}};
    if (is_folder) result->folder.push_back(std::move(file));
    if (last) break;
  }
  return result;
}

absl::StatusOr<std::set<std::string>> ListMerged(const MergedFolder& folder) {
  std::set<std::string> visible;
  std::set<std::string> hidden;
  for (const std::string& layer : folder) {
    ASSIGN_OR_RETURN(const std::vector<std::string> names, ListFolder(layer));
    for (const std::string& name : names) {
      if (visible.contains(name) || hidden.contains(name)) continue;
      ASSIGN_OR_RETURN(const std::optional<FoundFile> found,
                       InspectFile(fmt::format("{}/{}", layer, name), name));
      if (!found) continue;
      (found->kind == FileKind::kWhiteout ? hidden : visible).insert(name);
    }
  }
  return visible;
}

}  // namespace crossmill::worker
