// A snapshotter without mounts: roots are plain folders, layers are real ones (canonical tar and manifest),
// so that a whole farm can run in a test process that is nobody special.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "worker/layers/snapshotter.h"

namespace crossmill {

// Path -> content.
using LayerFiles = std::map<std::string, std::string>;

// A layer of these files and the folders above them, in the blob store.
absl::StatusOr<v1::Layer> WriteLayer(const LayerFiles& files, BlobStore& blobs);

// Files and folders only; owners, modes and times are not kept.
class LayerFolders final : public worker::Snapshotter {
 public:
  LayerFolders(std::string folder, BlobStore& blobs) : folder_(std::move(folder)), blobs_(blobs) {}

  absl::Status EnsureLayer(const Digest& tar) override;
  absl::StatusOr<std::unique_ptr<worker::Snapshot>> Prepare(absl::Span<const Digest> parents) override;
  absl::StatusOr<std::unique_ptr<worker::Snapshot>> View(absl::Span<const Digest> parents) override;

 private:
  const std::string folder_;
  BlobStore& blobs_;
};

}  // namespace crossmill
