#include "worker/normalize/package_files.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "common/base/files.h"
#include "common/base/status.h"
#include "worker/tree/long_path.h"

namespace crossmill::worker {
namespace {

// A full desktop has some 3,000 lists with 40 MB.
constexpr int64_t kMostListBytes = 32 << 20;
constexpr int64_t kMostBytes = 512 << 20;
constexpr std::string_view kSuffix = ".list";

// "libc6:amd64.list" is of libc6.
std::string PackageOf(std::string_view list) {
  list.remove_suffix(kSuffix.size());
  return std::string(list.substr(0, list.find(':')));
}

void FindIn(std::string_view list, const std::string& package, const std::set<std::string>& paths,
            std::map<std::string, std::string>* owned) {
  while (!list.empty()) {
    const size_t end = std::min(list.find('\n'), list.size());
    std::string_view line = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    while (line.starts_with('/')) line.remove_prefix(1);
    if (line.empty()) continue;
    const std::string path(line);
    if (paths.contains(path)) owned->emplace(path, package);
    // Packages may name what is in /usr as it was before /bin, /lib and /sbin became links.
    if (const std::string merged = "usr/" + path; paths.contains(merged)) owned->emplace(merged, package);
  }
}

absl::StatusOr<std::optional<LowerFile>> FindFolder(const MergedFolder& root) {
  std::optional<LowerFile> found;
  MergedFolder folder = root;
  for (const char* name : {"var", "lib", "dpkg", "info"}) {
    ASSIGN_OR_RETURN(found, LookUp(folder, name));
    if (!found || found->folder.empty()) return std::nullopt;
    folder = found->folder;
  }
  return found;
}

}  // namespace

absl::StatusOr<std::map<std::string, std::string>> FindPackageFiles(const MergedFolder& root,
                                                                    const std::set<std::string>& paths) {
  std::map<std::string, std::string> owned;
  if (paths.empty()) return owned;
  ASSIGN_OR_RETURN(const auto info, FindFolder(root));
  if (!info) return owned;
  ASSIGN_OR_RETURN(const std::set<std::string> names, ListMerged(info->folder));
  int64_t bytes = 0;
  for (const std::string& name : names) {
    if (!name.ends_with(kSuffix)) continue;
    ASSIGN_OR_RETURN(const auto list, LookUp(info->folder, name));
    if (!list || list->found.kind != FileKind::kEntry || list->found.entry.type != layer::EntryType::kFile) {
      continue;
    }
    bytes += list->found.entry.size;
    if (bytes > kMostBytes) return absl::ResourceExhaustedError("/var/lib/dpkg/info has more than 512 MiB");
    ASSIGN_OR_RETURN(const std::string content, ReadFile(ReachablePath(list->file).text(), kMostListBytes));
    FindIn(content, PackageOf(name), paths, &owned);
  }
  return owned;
}

}  // namespace crossmill::worker
