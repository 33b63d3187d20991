#include "coordinator/retention/disk_use.h"

#include <array>
#include <string_view>
#include <utility>

#include "common/base/room/folder_size.h"
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

// The blob store counts those itself.
bool HasBlobs(std::string_view path) {
  constexpr std::string_view kBlobs = "content/blobs/";
  return path.starts_with(kBlobs);
}

}  // namespace

absl::StatusOr<std::vector<KindUse>> OtherUses(const std::string& data_folder) {
  std::array<KindUse, kKinds.size()> uses;
  absl::Status unread;
  const auto visit = [&](const FolderEntry& entry) {
    const bool folder = S_ISDIR(entry.info.st_mode);
    KindUse& use = uses[KindOf(entry.path)];
    use.bytes += entry.bytes;
    if (!folder) ++use.count;
    return folder && HasBlobs(entry.path) ? WalkOn::kPassBy : WalkOn::kYes;
  };
  // A sum without them would be said to be all.
  RETURN_IF_ERROR(WalkFolder(data_folder, visit, [&](const std::string& path, int error) {
    unread.Update(ErrnoStatus(error, data_folder + "/" + path));
  }));
  RETURN_IF_ERROR(unread);
  std::vector<KindUse> found;
  for (size_t i = 0; i < kKinds.size(); ++i) {
    if (uses[i].bytes == 0 && uses[i].count == 0) continue;
    uses[i].kind = kKinds[i].name;
    uses[i].reason = kKinds[i].reason;
    found.push_back(std::move(uses[i]));
  }
  return found;
}

}  // namespace crossmill::coordinator
