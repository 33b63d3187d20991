#include "worker/normalize/package_files.h"

#include <algorithm>
#include <initializer_list>
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

// Lines of a letter, a colon and a value: P a package, then its folders (F), each with its files (R).
void FindInApk(std::string_view record, const std::set<std::string>& paths,
               std::map<std::string, std::string>* owned) {
  std::string_view package, folder;
  while (!record.empty()) {
    const size_t end = std::min(record.find('\n'), record.size());
    const std::string_view line = record.substr(0, end);
    record.remove_prefix(std::min(end + 1, record.size()));
    if (line.size() < 2 || line[1] != ':') continue;
    const std::string_view value = line.substr(2);
    if (line[0] == 'P') package = value;
    if (line[0] == 'F') folder = value;
    if (line[0] != 'R') continue;
    const std::string path = folder.empty() ? std::string(value) : fmt::format("{}/{}", folder, value);
    if (paths.contains(path)) owned->emplace(path, package);
  }
}

// nullopt: there is nothing, or a folder on the way is a link.
absl::StatusOr<std::optional<LowerFile>> FindPath(const MergedFolder& root,
                                                  std::initializer_list<const char*> names) {
  std::optional<LowerFile> found;
  MergedFolder folder = root;
  for (const char* name : names) {
    ASSIGN_OR_RETURN(found, LookUp(folder, name));
    if (!found) return std::nullopt;
    folder = found->folder;
  }
  return found;
}

bool IsRegular(const std::optional<LowerFile>& file) {
  return file && file->found.kind == FileKind::kEntry && file->found.entry.type == layer::EntryType::kFile;
}

absl::Status FindDpkgs(const MergedFolder& root, const std::set<std::string>& paths,
                       std::map<std::string, std::string>* owned) {
  ASSIGN_OR_RETURN(const auto info, FindPath(root, {"var", "lib", "dpkg", "info"}));
  if (!info || info->folder.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::set<std::string> names, ListMerged(info->folder));
  int64_t bytes = 0;
  for (const std::string& name : names) {
    if (!name.ends_with(kSuffix)) continue;
    ASSIGN_OR_RETURN(const auto list, LookUp(info->folder, name));
    if (!IsRegular(list)) continue;
    bytes += list->found.entry.size;
    if (bytes > kMostBytes) return absl::ResourceExhaustedError("/var/lib/dpkg/info has more than 512 MiB");
    ASSIGN_OR_RETURN(const std::string content, ReadFile(ReachablePath(list->file).text(), kMostListBytes));
    FindIn(content, PackageOf(name), paths, owned);
  }
  return absl::OkStatus();
}

absl::Status FindApks(const MergedFolder& root, const std::set<std::string>& paths,
                      std::map<std::string, std::string>* owned) {
  // Since /lib is a link into /usr it is there.
  for (const auto& place : {FindPath(root, {"lib", "apk", "db", "installed"}),
                            FindPath(root, {"usr", "lib", "apk", "db", "installed"})}) {
    RETURN_IF_ERROR(place.status());
    if (!IsRegular(*place)) continue;
    ASSIGN_OR_RETURN(const std::string record,
                     ReadFile(ReachablePath((*place)->file).text(), kMostListBytes));
    FindInApk(record, paths, owned);
  }
  return absl::OkStatus();
}

absl::Status RefuseRpm(const MergedFolder& root) {
  for (const auto& place :
       {FindPath(root, {"var", "lib", "rpm"}), FindPath(root, {"usr", "lib", "sysimage", "rpm"})}) {
    RETURN_IF_ERROR(place.status());
    if (!*place || (*place)->folder.empty()) continue;
    ASSIGN_OR_RETURN(const std::set<std::string> names, ListMerged((*place)->folder));
    if (!names.empty()) return absl::FailedPreconditionError("rpm's record of packages is not read");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::map<std::string, std::string>> FindPackageFiles(const MergedFolder& root,
                                                                    const std::set<std::string>& paths) {
  std::map<std::string, std::string> owned;
  if (paths.empty()) return owned;
  RETURN_IF_ERROR(FindDpkgs(root, paths, &owned));
  RETURN_IF_ERROR(FindApks(root, paths, &owned));
  RETURN_IF_ERROR(RefuseRpm(root));
  return owned;
}

}  // namespace crossmill::worker
