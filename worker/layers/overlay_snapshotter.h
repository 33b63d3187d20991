// Snapshotter on overlayfs: a layer is a directory, a root a mount of them with a fresh upper directory.
//
//   lock              held by the one worker that uses the folder
//   state             boot id, and whether the last worker ended in order
//   layers/ID/        the files of a layer; ID is short, because all of a mount's must fit in a page
//   index/HASH-SIZE   link to the ID; made last, so what it names is whole
//   work/ID/          being unpacked, or upper, work and root of a mounted snapshot; emptied at start
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/blob_store.h"
#include "common/base/files.h"
#include "common/base/mutex.h"
#include "worker/layers/snapshotter.h"
#include "worker/tree/file_metadata.h"

namespace crossmill::worker {

class OverlaySnapshotter final : public Snapshotter {
 public:
  // Call inside the worker's namespaces (or as root in a mount namespace). `folder` is made if missing;
  // layers of earlier workers are found again, what killed ones left behind is removed. `blobs` must
  // outlive the object. FAILED_PRECONDITION if another worker uses the folder, or its file system
  // lacks extended attributes.
  static absl::StatusOr<std::unique_ptr<OverlaySnapshotter>> Create(std::string folder, BlobStore& blobs);
  // Waits for nothing: all snapshots are gone by then.
  ~OverlaySnapshotter() override;

  absl::Status EnsureLayer(const Digest& tar) override;
  absl::StatusOr<std::unique_ptr<Snapshot>> Prepare(absl::Span<const Digest> parents) override;
  absl::StatusOr<std::unique_ptr<Snapshot>> View(absl::Span<const Digest> parents) override;
  std::shared_ptr<const void> Hold(absl::Span<const Digest> layers) override;

  // Bytes of the layers that are here, by their tars.
  uint64_t bytes() const ABSL_LOCKS_EXCLUDED(mutex_);
  // When the layer was last used that nothing needs and that was used least lately; Unix time in seconds.
  std::optional<int64_t> oldest() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Removes that one. False: everything that is here is needed. Whoever wants it meanwhile waits, and fetches
  // it again.
  absl::StatusOr<bool> RemoveOldest() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  friend class OverlaySnapshot;
  // Coming or going: whoever wants it waits until that is over, and looks again.
  enum class LayerState { kFetching, kReady };
  struct LayerRecord {
    LayerState state = LayerState::kFetching;
    std::string id;
    // Unix time in seconds; kept as the index link's own time.
    int64_t used_at = 0;
  };

  OverlaySnapshotter(std::string folder, BlobStore& blobs) : folder_(std::move(folder)), blobs_(blobs) {}
  absl::Status Open();
  absl::Status ProbeFileSystem() const;
  absl::Status CleanWork();
  absl::Status DropUnsafeLayers();
  absl::Status LoadIndex();
  absl::StatusOr<std::unique_ptr<Snapshot>> Make(absl::Span<const Digest> parents, bool writable);
  std::string NewId() ABSL_LOCKS_EXCLUDED(mutex_);
  // Fetches and unpacks into a new layer directory; returns its id.
  absl::StatusOr<std::string> Fetch(const Digest& tar);
  // Makes a finished directory (absolute path) a layer. If the layer exists, the directory is removed.
  absl::Status Adopt(const Digest& tar, const std::string& directory);
  absl::Status Publish(const Digest& tar, const std::string& directory, const std::string& id);
  std::string Path(std::string_view name) const;
  // Of the layer that could be removed first.
  std::map<Digest, LayerRecord>::const_iterator FindOldest() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Touch(absl::Span<const Digest> layers) ABSL_LOCKS_EXCLUDED(mutex_);

  const std::string folder_;
  BlobStore& blobs_;
  UniqueFd lock_;
  std::string boot_id_;
  IdMap ids_;

  mutable Mutex mutex_;
  CondVar changed_;
  std::map<Digest, LayerRecord> layers_ ABSL_GUARDED_BY(mutex_);
  // How many hold each.
  std::map<Digest, int> held_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace crossmill::worker
