#include "coordinator/bucket/disk_leave.h"

#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "common/blobs/blob_files.h"
#include "coordinator/bucket/bucket_keys.h"

namespace crossmill::coordinator {
namespace {

// Looked at in one round: what is left is found in the next.
constexpr size_t kMostInRound = 20'000;

constexpr int64_t kSmall = 64 << 10;

// The size of the blob on disk, and whether the index has it: blobs in parts have no file of that size.
absl::StatusOr<Digest> Indexed(const DiskLeave& leave, const BlobName& name) {
  const std::string hash = HashOfName(name);
  ASSIGN_OR_RETURN(const std::optional<int64_t> size, leave.index.SizeOf(hash));
  return size.has_value() ? Digest{hash, *size} : Digest{};
}

absl::StatusOr<absl::flat_hash_set<BlobName>> PartsThatStay(const DiskLeave& leave) {
  absl::flat_hash_set<BlobName> stay;
  for (int shard = 0; shard < BlobUses::kShards; ++shard) {
    for (const auto& [name, parts] : leave.disk.uses().Parted(shard)) {
      ASSIGN_OR_RETURN(const Digest digest, Indexed(leave, name));
      if (digest.empty()) stay.insert(parts.begin(), parts.end());
    }
  }
  return stay;
}

// The longest unused first. Small ones stay as long as there are large ones enough, even if those cannot
// leave yet: what builds are planned by (documents of images, files of contexts) takes little room, and
// without it nothing can be built while the bucket is away.
std::vector<BlobUse> Oldest(BlobUses& uses, int64_t bytes, int64_t before) {
  std::vector<BlobUse> large;
  std::vector<BlobUse> small;
  int64_t large_bytes = 0;
  const auto older = [](const BlobUse& a, const BlobUse& b) { return a.used_at < b.used_at; };
  for (int shard = 0; shard < BlobUses::kShards; ++shard) {
    for (const BlobUse& use : uses.Shard(shard)) {
      if (use.disk_bytes >= kSmall) large_bytes += use.disk_bytes;
      if (use.used_at < before && use.disk_bytes > 0)
        (use.disk_bytes >= kSmall ? large : small).push_back(use);
    }
    for (std::vector<BlobUse>* found : {&large, &small}) {
      if (found->size() <= 2 * kMostInRound) continue;
      std::nth_element(found->begin(), found->begin() + kMostInRound, found->end(), older);
      found->resize(kMostInRound);
    }
  }
  std::sort(large.begin(), large.end(), older);
  if (large_bytes >= bytes) return large;
  std::sort(small.begin(), small.end(), older);
  large.insert(large.end(), small.begin(), small.end());
  return large;
}

// A file of another size than the bucket's object is another matter: whoever reads it finds out.
bool IsSameOnDisk(const DiskLeave& leave, const Digest& digest) {
  struct stat info {};
  if (stat(BlobPath(leave.disk.folder(), digest.hash).c_str(), &info) != 0) return true;
  return info.st_size == digest.size;
}

}  // namespace

absl::StatusOr<LeftDisk> LeaveTheDisk(const DiskLeave& leave, int64_t bytes, int64_t before,
                                      const std::stop_token& stop) {
  LeftDisk left;
  ASSIGN_OR_RETURN(const absl::flat_hash_set<BlobName> stay, PartsThatStay(leave));
  for (const BlobUse& use : Oldest(leave.disk.uses(), bytes, before)) {
    if (left.bytes >= bytes) break;
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    if (stay.contains(use.name)) continue;
    ASSIGN_OR_RETURN(const Digest digest, Indexed(leave, use.name));
    if (digest.empty() || !IsSameOnDisk(leave, digest)) continue;
    const auto size = leave.bucket.Head(KeyOf(digest.hash), stop);
    if (absl::IsNotFound(size.status()) || (size.ok() && *size != digest.size)) {
      LogWarning("bucket_lost digest={} found=before it left the disk", ToString(digest));
      RETURN_IF_ERROR(leave.index.Forget(digest));
      left.lost.push_back(digest);
      // Its parts stay from now on: what stays has to be found anew.
      if (leave.disk.uses().KnowsParts(use.name)) break;
      continue;
    }
    RETURN_IF_ERROR(size.status());
    // From now on the bucket's is the only note of it.
    leave.uses.Touch(use.name, use.used_at);
    leave.noted.Note({{use.name, use.used_at}});
    ASSIGN_OR_RETURN(const bool removed,
                     RemoveBlob(leave.disk.folder(), use.name, before, leave.disk.uses()));
    if (!removed) continue;
    ++left.blobs;
    left.bytes += use.disk_bytes;
  }
  return left;
}

}  // namespace crossmill::coordinator
