#include "coordinator/retention/disk_use.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string_view>

#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

struct Kind {
  std::string_view name;
  std::string_view reason;
};

enum KindIndex { kLogs, kRecord, kOldRecords, kUploads, kDamaged, kReserve, kAudit, kFolders, kRest };
constexpr std::array<Kind, 9> kKinds = {{
    {"logs", "the policies logs.keep, logs.keep-failed and logs.compress-after"},
    {"record",
     "results, packages and verdicts, for ever; the policies events, pages, fetched, exports, compressed, "
     "unpacked, wheels and statements (each with .keep)"},
    {"records before upgrades", "until they are removed by hand"},
    {"uploads", "until they end, or 10 minutes after they broke off"},
    {"damaged blobs", "the policy damaged.keep"},
    {"reserve", "for the record, when the disk is full"},
    {"audit", "the newest ten files of 64 MB"},
    {"folders of the blob store", ""},
    {"others", "keys, tokens, contexts that are being unpacked"},
}};

// By the path below the data folder.
KindIndex KindOf(std::string_view path) {
  const auto below = [&](std::string_view folder) {
    return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
  };
  if (below("logs")) return kLogs;
  if (path.starts_with("record.db.before-")) return kOldRecords;
  if (path.starts_with("record.")) return kRecord;
  if (below("content/tmp")) return kUploads;
  if (below("content/corrupt")) return kDamaged;
  if (below("content")) return kFolders;
  if (below("reserve")) return kReserve;
  if (path.starts_with("audit.log") || path.starts_with("refused.log")) return kAudit;
  return kRest;
}

bool IsBlob(std::string_view path) {
  constexpr std::string_view kBlobs = "content/blobs/";
  return path.starts_with(kBlobs) && path.find('/', kBlobs.size()) != std::string_view::npos;
}

class Walk {
 public:
  explicit Walk(std::string root) : root_(std::move(root)) {}

  // `path` below the root; what goes meanwhile is not counted.
  absl::Status Folder(const std::string& path) {
    const std::string whole = path.empty() ? root_ : root_ + "/" + path;
    const std::unique_ptr<DIR, int (*)(DIR*)> entries(opendir(whole.c_str()), closedir);
    if (entries == nullptr) return errno == ENOENT ? absl::OkStatus() : ErrnoStatus(errno, whole);
    while (const dirent* entry = readdir(entries.get())) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      const std::string below = path.empty() ? std::string(name) : fmt::format("{}/{}", path, name);
      if (IsBlob(below)) continue;
      struct stat info {};
      if (fstatat(dirfd(entries.get()), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
      Add(below, info);
      if (S_ISDIR(info.st_mode)) RETURN_IF_ERROR(Folder(below));
    }
    return absl::OkStatus();
  }

  void Add(const std::string& path, const struct stat& info) {
    KindUse& use = uses_[KindOf(path)];
    use.bytes += int64_t{info.st_blocks} * 512;
    if (!S_ISDIR(info.st_mode)) ++use.count;
  }

  std::vector<KindUse> Finish() {
    std::vector<KindUse> found;
    for (size_t i = 0; i < kKinds.size(); ++i) {
      if (uses_[i].bytes == 0 && uses_[i].count == 0) continue;
      uses_[i].kind = kKinds[i].name;
      uses_[i].reason = kKinds[i].reason;
      found.push_back(std::move(uses_[i]));
    }
    return found;
  }

 private:
  const std::string root_;
  std::array<KindUse, kKinds.size()> uses_;
};

}  // namespace

absl::StatusOr<std::vector<KindUse>> OtherUses(const std::string& data_folder) {
  Walk walk(data_folder);
  struct stat info {};
  if (stat(data_folder.c_str(), &info) != 0) return ErrnoStatus(errno, data_folder);
  walk.Add("", info);
  RETURN_IF_ERROR(walk.Folder(""));
  return walk.Finish();
}

}  // namespace crossmill::coordinator
