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

 private:
  friend class OverlaySnapshot;
  enum class LayerState { kFetching, kReady };
  struct LayerRecord {
    LayerState state = LayerState::kFetching;
    std::string id;
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

  const std::string folder_;
  BlobStore& blobs_;
  UniqueFd lock_;
  std::string boot_id_;
  IdMap ids_;

  Mutex mutex_;
  CondVar changed_;
  std::map<Digest, LayerRecord> layers_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_id_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace crossmill::worker
