#include "worker/layers/overlay_snapshotter.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <set>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "worker/host/mounting.h"
#include "worker/layers/layer_diff.h"
#include "worker/layers/layer_editor.h"
#include "worker/layers/layer_unpack.h"
#include "worker/layers/pyc_times.h"
#include "worker/tree/lower_tree.h"

namespace crossmill::worker {
namespace {

// Below every other layer: overlayfs wants a lower directory, or two without an upper.
constexpr std::string_view kEmptyLayer = "empty";

std::string IndexName(const Digest& digest) { return fmt::format("{}-{}", digest.hash, digest.size); }

std::optional<Digest> ParseIndexName(std::string_view name) {
  const size_t dash = name.find('-');
  if (dash == name.npos || !IsSha256Hex(name.substr(0, dash))) return std::nullopt;
  Digest digest{std::string(name.substr(0, dash)), 0};
  const std::string_view size = name.substr(dash + 1);
  const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), digest.size);
  if (error != std::errc() || end != size.data() + size.size()) return std::nullopt;
  return digest;
}

// Numbers in base 36: three digits name 46656 layers.
std::string ShortId(uint64_t number) {
  std::string id;
  do {
    id.insert(id.begin(), "0123456789abcdefghijklmnopqrstuvwxyz"[number % 36]);
    number /= 36;
  } while (number > 0);
  return id;
}

std::optional<uint64_t> NumberOf(std::string_view id) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number, 36);
  if (error != std::errc() || end != id.data() + id.size()) return std::nullopt;
  return number;
}

int64_t Now() { return absl::ToUnixSeconds(absl::Now()); }

// When a link was made or touched; 0: not known.
int64_t TimeOf(const std::string& link) {
  struct stat state {};
  return lstat(link.c_str(), &state) == 0 ? state.st_mtim.tv_sec : 0;
}

}  // namespace

class OverlaySnapshot final : public Snapshot {
 public:
  OverlaySnapshot(OverlaySnapshotter& owner, std::string folder, std::vector<std::string> lowers, Mount mount,
                  std::shared_ptr<const void> hold)
      : hold_(std::move(hold)),
        owner_(owner),
        folder_(std::move(folder)),
        root_(folder_ + "/root"),
        lowers_(std::move(lowers)),
        mount_(std::move(mount)) {
    // The clock that file systems take times from; it may lag behind the exact one.
    timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    started_at_ = now.tv_sec;
  }

  ~OverlaySnapshot() override {
    const absl::Status unmounted = mount_.Unmount();
    if (!unmounted.ok()) LogWarning("snapshot={} error={}", folder_, unmounted.ToString());
    const absl::Status removed = RemoveTree(folder_);
    if (!removed.ok()) LogWarning("snapshot={} error={}", folder_, removed.ToString());
  }

  const std::string& root() const override { return root_; }
  std::string written() const override { return folder_ + "/upper"; }

  absl::StatusOr<CommittedLayer> Commit(const CommitOptions& options) override {
    const std::string upper = folder_ + "/upper";
    if (!Exists(upper))
      return absl::FailedPreconditionError("a view, or a snapshot that was committed before");
    RETURN_IF_ERROR(mount_.Unmount());
    const DiffOptions diff_options = {.clamp_time = options.clamp_time,
                                      .started_at = started_at_,
                                      .keep_times = options.keep_times,
                                      .exact_times = options.exact_times,
                                      .stubs = options.stubs};
    ASSIGN_OR_RETURN(UpperDiff diff, DiffUpper(upper, lowers_, diff_options));
    if (options.editor != nullptr) {
      ASSIGN_OR_RETURN(const bool edited, options.editor->Edit(upper, lowers_, diff));
      if (edited) {
        ASSIGN_OR_RETURN(diff, DiffUpper(upper, lowers_, diff_options));
      }
    }
    if (!diff.left_out.empty()) {
      LogInfo("snapshot={} left_out={} first={}", folder_, diff.left_out.size(),
              layer::Printable(diff.left_out.front()));
    }
    RETURN_IF_ERROR(RefreshPycs(upper, &diff));
    ASSIGN_OR_RETURN(WrittenLayer written,
                     WriteLayer(diff, upper, options.clamp_time, options.known, owner_.blobs_, options.stop));
    RETURN_IF_ERROR(PruneUpper(diff, upper));
    RETURN_IF_ERROR(owner_.Adopt(written.tar, upper));
    CommittedLayer committed;
    ToProto(written.tar, committed.layer.mutable_tar());
    ToProto(written.manifest, committed.layer.mutable_manifest());
    committed.content_bytes = written.content_bytes;
    committed.changed_paths = std::move(written.files);
    committed.changed_times = std::move(written.times);
    return committed;
  }

 private:
  // First, so that it goes last: the layers are mounted until then.
  const std::shared_ptr<const void> hold_;
  OverlaySnapshotter& owner_;
  const std::string folder_;
  const std::string root_;
  // Absolute, top first.
  const std::vector<std::string> lowers_;
  Mount mount_;
  // Seconds since 1970.
  int64_t started_at_ = 0;
};

absl::StatusOr<std::unique_ptr<OverlaySnapshotter>> OverlaySnapshotter::Create(std::string folder,
                                                                               BlobStore& blobs) {
  RETURN_IF_ERROR(MakeFolders(folder, 0755));
  char absolute[PATH_MAX];
  if (realpath(folder.c_str(), absolute) == nullptr) return ErrnoStatus(errno, folder);
  std::unique_ptr<OverlaySnapshotter> snapshotter(new OverlaySnapshotter(absolute, blobs));
  RETURN_IF_ERROR(snapshotter->Open());
  return snapshotter;
}

OverlaySnapshotter::~OverlaySnapshotter() {
  if (!lock_.valid() || boot_id_.empty()) return;
  // What is on disk from here on survives a power cut.
  if (syncfs(lock_.get()) == 0) (void)WriteFileAtomic(Path("state"), boot_id_ + "clean\n", 0644, true);
}

std::string OverlaySnapshotter::Path(std::string_view name) const {
  return fmt::format("{}/{}", folder_, name);
}

absl::Status OverlaySnapshotter::Open() {
  ASSIGN_OR_RETURN(UniqueFd lock, OpenFile(Path("lock"), O_RDWR | O_CREAT, 0600));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(fmt::format("{} is in use by another worker", folder_));
  }
  RETURN_IF_ERROR(ProbeFileSystem());
  ASSIGN_OR_RETURN(ids_, IdMap::OfThisProcess());
  RETURN_IF_ERROR(CleanWork());
  for (const char* name : {"layers", "index", "work"}) RETURN_IF_ERROR(MakeFolders(Path(name)));
  RETURN_IF_ERROR(DropUnsafeLayers());
  RETURN_IF_ERROR(MakeFolders(fmt::format("{}/layers/{}", folder_, kEmptyLayer)));
  RETURN_IF_ERROR(LoadIndex());
  lock_ = std::move(lock);
  return WriteFileAtomic(Path("state"), boot_id_);
}

absl::Status OverlaySnapshotter::ProbeFileSystem() const {
  if (setxattr(folder_.c_str(), "user.crossmill", "", 0, 0) == 0) {
    removexattr(folder_.c_str(), "user.crossmill");
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(fmt::format(
      "the file system of {} does not take user.* attributes ({}), which overlayfs needs; put the "
      "worker's data on ext4, xfs or btrfs",
      folder_, strerror(errno)));
}

absl::Status OverlaySnapshotter::CleanWork() {
  const std::string work = Path("work");
  if (!Exists(work)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListFolder(work));
  for (const std::string& name : names) {
    const std::string path = fmt::format("{}/{}", work, name);
    // Mounts of a killed worker are gone with its namespace; without one they are still there.
    while (umount2(fmt::format("{}/root", path).c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
    }
    RETURN_IF_ERROR(RemoveTree(path));
  }
  return absl::OkStatus();
}

// Layers are not synced one by one: after a crash of the machine they may lack bytes, so they go.
absl::Status OverlaySnapshotter::DropUnsafeLayers() {
  ASSIGN_OR_RETURN(boot_id_, ReadFile("/proc/sys/kernel/random/boot_id"));
  const std::string state = ReadFile(Path("state")).value_or("");
  if (state.starts_with(boot_id_) || state.ends_with("clean\n")) return absl::OkStatus();
  RETURN_IF_ERROR(RemoveTree(Path("index")));
  return MakeFolders(Path("index"));
}

absl::Status OverlaySnapshotter::LoadIndex() {
  MutexLock lock(mutex_);
  std::set<std::string> named = {std::string(kEmptyLayer)};
  ASSIGN_OR_RETURN(const std::vector<std::string> index, ListFolder(Path("index")));
  for (const std::string& name : index) {
    const std::string link = fmt::format("{}/index/{}", folder_, name);
    char target[64];
    const ssize_t size = readlink(link.c_str(), target, sizeof(target));
    const std::string id(target, static_cast<size_t>(std::max<ssize_t>(size, 0)));
    const std::optional<Digest> digest = ParseIndexName(name);
    const std::optional<uint64_t> number = NumberOf(id);
    if (!digest || !number || !Exists(fmt::format("{}/layers/{}", folder_, id))) {
      RETURN_IF_ERROR(RemoveTree(link));
      continue;
    }
    layers_[*digest] = {LayerState::kReady, id, TimeOf(link)};
    named.insert(id);
    next_id_ = std::max(next_id_, *number + 1);
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> layers, ListFolder(Path("layers")));
  for (const std::string& id : layers) {
    if (!named.contains(id)) RETURN_IF_ERROR(RemoveTree(fmt::format("{}/layers/{}", folder_, id)));
  }
  return absl::OkStatus();
}

std::string OverlaySnapshotter::NewId() {
  MutexLock lock(mutex_);
  return ShortId(next_id_++);
}

absl::Status OverlaySnapshotter::EnsureLayer(const Digest& tar) {
  {
    MutexLock lock(mutex_);
    while (true) {
      const auto it = layers_.find(tar);
      if (it == layers_.end()) break;
      if (it->second.state == LayerState::kReady) return absl::OkStatus();
      changed_.Wait(mutex_);
    }
    layers_[tar] = {};
  }
  absl::StatusOr<std::string> id = Fetch(tar);
  MutexLock lock(mutex_);
  // Those who waited try for themselves if it failed: their stores' errors are their own.
  if (id.ok()) {
    layers_[tar] = {LayerState::kReady, *id, Now()};
  } else {
    layers_.erase(tar);
  }
  changed_.NotifyAll();
  return Annotate(id.status(), fmt::format("layer {}", tar.Oci()));
}

absl::StatusOr<std::string> OverlaySnapshotter::Fetch(const Digest& tar) {
  const std::string id = NewId();
  const std::string directory = fmt::format("{}/work/{}", folder_, id);
  if (mkdir(directory.c_str(), 0755) != 0) return ErrnoStatus(errno, directory);
  absl::Status status = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const std::unique_ptr<BlobReader> blob, blobs_.Open(tar, 0));
    Sha256 hash;
    auto source = [&](char* buffer, size_t size) -> absl::StatusOr<size_t> {
      ASSIGN_OR_RETURN(const size_t count, blob->Read(buffer, size));
      hash.Update({buffer, count});
      return count;
    };
    ASSIGN_OR_RETURN(const UnpackNotes notes, UnpackLayer(source, directory, ids_));
    if (hash.Finish() != tar) return absl::DataLossError("the blob does not have its digest");
    if (!notes.skipped_devices.empty()) {
      LogInfo("layer={} skipped_devices={} first={}", tar.hash, notes.skipped_devices.size(),
              layer::Printable(notes.skipped_devices.front()));
    }
    return Publish(tar, directory, id);
  }();
  if (status.ok()) return id;
  const absl::Status removed = RemoveTree(directory);
  if (!removed.ok()) LogWarning("layer={} error={}", tar.hash, removed.ToString());
  return status;
}

absl::Status OverlaySnapshotter::Publish(const Digest& tar, const std::string& directory,
                                         const std::string& id) {
  const std::string layer = fmt::format("{}/layers/{}", folder_, id);
  const std::string link = fmt::format("{}/index/{}", folder_, IndexName(tar));
  if (rename(directory.c_str(), layer.c_str()) != 0) return ErrnoStatus(errno, layer);
  if (symlink(id.c_str(), link.c_str()) != 0) return ErrnoStatus(errno, link);
  return absl::OkStatus();
}

absl::Status OverlaySnapshotter::Adopt(const Digest& tar, const std::string& directory) {
  const std::string id = NewId();
  {
    MutexLock lock(mutex_);
    while (layers_.contains(tar) && layers_[tar].state == LayerState::kFetching) changed_.Wait(mutex_);
    if (layers_.contains(tar)) return RemoveTree(directory);
    layers_[tar] = {};
  }
  const absl::Status status = Publish(tar, directory, id);
  MutexLock lock(mutex_);
  if (status.ok()) {
    layers_[tar] = {LayerState::kReady, id, Now()};
  } else {
    layers_.erase(tar);
  }
  changed_.NotifyAll();
  return status;
}

absl::StatusOr<std::unique_ptr<Snapshot>> OverlaySnapshotter::Make(absl::Span<const Digest> parents,
                                                                   bool writable) {
  // Before they are looked for: from then on none of them goes.
  std::shared_ptr<const void> hold = Hold(parents);
  for (const Digest& parent : parents) RETURN_IF_ERROR(EnsureLayer(parent));
  Touch(parents);
  std::vector<std::string> names;
  {
    MutexLock lock(mutex_);
    for (auto it = parents.rbegin(); it != parents.rend(); ++it) {
      const std::string& id = layers_[*it].id;
      // A layer may occur twice (two steps that change nothing), which the kernel refuses. All that the
      // lower one does the upper one does again, so only that counts.
      if (std::find(names.begin(), names.end(), id) == names.end()) names.push_back(id);
    }
  }
  std::vector<std::string> lowers;
  for (const std::string& name : names) lowers.push_back(fmt::format("{}/layers/{}", folder_, name));
  names.emplace_back(kEmptyLayer);

  const std::string id = NewId();
  const std::string folder = fmt::format("{}/work/{}", folder_, id);
  for (const char* part : {"", "/root", "/upper", "/work"}) {
    if (!writable && (part == std::string_view("/upper") || part == std::string_view("/work"))) continue;
    if (mkdir((folder + part).c_str(), 0755) != 0) return ErrnoStatus(errno, folder + part);
  }
  absl::StatusOr<Mount> mount = [&]() -> absl::StatusOr<Mount> {
    if (writable) RETURN_IF_ERROR(ResetRoot(folder + "/upper"));
    return MountOverlay({.folder = Path("layers"),
                         .lowers = names,
                         .upper = writable ? fmt::format("../work/{}/upper", id) : "",
                         .work = writable ? fmt::format("../work/{}/work", id) : "",
                         .target = folder + "/root"});
  }();
  if (!mount.ok()) {
    (void)RemoveTree(folder);
    return mount.status();
  }
  return std::make_unique<OverlaySnapshot>(*this, folder, std::move(lowers), *std::move(mount),
                                           std::move(hold));
}

absl::StatusOr<std::unique_ptr<Snapshot>> OverlaySnapshotter::Prepare(absl::Span<const Digest> parents) {
  return Make(parents, true);
}

absl::StatusOr<std::unique_ptr<Snapshot>> OverlaySnapshotter::View(absl::Span<const Digest> parents) {
  return Make(parents, false);
}

std::shared_ptr<const void> OverlaySnapshotter::Hold(absl::Span<const Digest> layers) {
  auto held = std::make_unique<std::vector<Digest>>(layers.begin(), layers.end());
  MutexLock lock(mutex_);
  for (const Digest& layer : *held) ++held_[layer];
  return std::shared_ptr<const std::vector<Digest>>(held.release(),
                                                    [this](const std::vector<Digest>* released) {
                                                      {
                                                        MutexLock released_lock(mutex_);
                                                        for (const Digest& layer : *released) {
                                                          const auto it = held_.find(layer);
                                                          if (--it->second == 0) held_.erase(it);
                                                        }
                                                      }
                                                      delete released;
                                                    });
}

// The time is told to the disk so that a worker that starts again goes on in the same order; not each time,
// since hardly anything depends on a minute.
void OverlaySnapshotter::Touch(absl::Span<const Digest> layers) {
  constexpr int64_t kWorthTelling = 60;
  const int64_t now = Now();
  std::vector<std::string> links;
  {
    MutexLock lock(mutex_);
    for (const Digest& layer : layers) {
      const auto it = layers_.find(layer);
      if (it == layers_.end()) continue;
      if (now - it->second.used_at >= kWorthTelling) links.push_back(IndexName(layer));
      it->second.used_at = std::max(it->second.used_at, now);
    }
  }
  for (const std::string& name : links) {
    const std::string link = fmt::format("{}/index/{}", folder_, name);
    (void)utimensat(AT_FDCWD, link.c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
  }
}

uint64_t OverlaySnapshotter::bytes() const {
  MutexLock lock(mutex_);
  uint64_t bytes = 0;
  for (const auto& [tar, record] : layers_) bytes += static_cast<uint64_t>(std::max<int64_t>(tar.size, 0));
  return bytes;
}

std::map<Digest, OverlaySnapshotter::LayerRecord>::const_iterator OverlaySnapshotter::FindOldest() const {
  auto oldest = layers_.end();
  for (auto it = layers_.begin(); it != layers_.end(); ++it) {
    if (it->second.state != LayerState::kReady || held_.contains(it->first)) continue;
    if (oldest == layers_.end() || it->second.used_at < oldest->second.used_at) oldest = it;
  }
  return oldest;
}

std::optional<int64_t> OverlaySnapshotter::oldest() const {
  MutexLock lock(mutex_);
  const auto it = FindOldest();
  if (it == layers_.end()) return std::nullopt;
  return it->second.used_at;
}

absl::StatusOr<bool> OverlaySnapshotter::RemoveOldest() {
  Digest tar;
  std::string id;
  {
    MutexLock lock(mutex_);
    const auto it = FindOldest();
    if (it == layers_.end()) return false;
    tar = it->first;
    id = it->second.id;
    layers_[tar].state = LayerState::kFetching;
  }
  // The name first: a layer that is named is whole. In work/ what is left of it goes at the next start.
  const std::string gone = fmt::format("{}/work/{}", folder_, NewId());
  const std::string link = fmt::format("{}/index/{}", folder_, IndexName(tar));
  absl::Status status;
  if (unlink(link.c_str()) != 0) status = ErrnoStatus(errno, link);
  if (status.ok() && rename(fmt::format("{}/layers/{}", folder_, id).c_str(), gone.c_str()) != 0)
    status = ErrnoStatus(errno, gone);
  const bool stays = !status.ok() && Exists(link);
  {
    MutexLock lock(mutex_);
    // One that still has its name is there as before; used just now, so that others are tried first.
    if (!stays) {
      layers_.erase(tar);
    } else {
      layers_[tar] = {LayerState::kReady, id, Now()};
    }
    changed_.NotifyAll();
  }
  RETURN_IF_ERROR(status);
  RETURN_IF_ERROR(RemoveTree(gone));
  LogDebug("layer={} removed", tar.hash);
  return true;
}

}  // namespace crossmill::worker
