#include "worker/bounds/disk_use.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <memory>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/files.h"

namespace crossmill::worker {
namespace {

constexpr uint64_t kBlock = 512;
// Folders that wait hold a descriptor of their parent's: a tree that is deep and wide everywhere must not use
// them up.
constexpr size_t kMostOpen = 1024;

struct Pending {
  std::shared_ptr<UniqueFd> parent;
  std::string name;
};

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};

}  // namespace

std::optional<uint64_t> DiskUse(const std::string& folder, uint64_t enough) {
  uint64_t bytes = 0;
  std::set<std::pair<dev_t, ino_t>> seen;
  std::vector<Pending> pending = {{std::make_shared<UniqueFd>(), folder}};
  std::vector<std::weak_ptr<UniqueFd>> opened;
  bool first = true;
  while (!pending.empty() && bytes <= enough) {
    const Pending next = std::move(pending.back());
    pending.pop_back();
    const int at = next.parent->valid() ? next.parent->get() : AT_FDCWD;
    auto own = std::make_shared<UniqueFd>(
        openat(at, next.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!own->valid()) {
      if (std::exchange(first, false)) return std::nullopt;
      continue;
    }
    first = false;
    const int copy = openat(own->get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy < 0) continue;
    const std::unique_ptr<DIR, CloseFolder> listing(fdopendir(copy));
    if (listing == nullptr) continue;
    std::erase_if(opened, [](const std::weak_ptr<UniqueFd>& one) { return one.expired(); });
    opened.push_back(own);
    while (const dirent* entry = readdir(listing.get())) {
      const std::string_view name = entry->d_name;
      struct stat state {};
      if (name == ".." || fstatat(own->get(), entry->d_name, &state, AT_SYMLINK_NOFOLLOW) != 0) continue;
      if (S_ISDIR(state.st_mode) && name != ".") {
        if (opened.size() < kMostOpen) pending.push_back({own, entry->d_name});
        continue;
      }
      if (!S_ISDIR(state.st_mode) && state.st_nlink > 1 && !seen.emplace(state.st_dev, state.st_ino).second)
        continue;
      bytes += static_cast<uint64_t>(state.st_blocks) * kBlock;
    }
  }
  return bytes;
}

}  // namespace crossmill::worker
