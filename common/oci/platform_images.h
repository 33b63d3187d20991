// An image by its platforms, and their root file systems as one tar: what exporters of several platforms
// share.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/layer/canonical_tar.h"
#include "common/oci/flatten.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::oci {

struct PlatformImage {
  v1::Platform platform;
  Digest manifest;
};

// The image's platforms that are in the store, in the order of its index; of a manifest, the only one.
// FAILED_PRECONDITION: none is there.
absl::StatusOr<std::vector<PlatformImage>> PlatformImages(BlobStore& blobs, const Digest& root);

// "linux_arm_v7", as buildx calls the folders.
std::string PlatformFolder(const v1::Platform& platform);

struct TreesOptions {
  // Each platform in a folder of its own; else there is one platform, which is the root.
  bool split = false;
  // NamelessFile::Create says which one if it is empty. Contents of one platform at a time are there.
  std::string temporary_folder;
  // As NamelessFile::Create; may be empty.
  NamelessFile::Admit admit;
  // May add to a platform's tree before it is written. May be empty.
  std::function<absl::Status(const PlatformImage& image, Flattener& tree)> amend;
};

// The platforms' trees as one canonical tar. Errors as Flattener::AddLayer.
absl::Status WriteTreesTar(BlobStore& blobs, std::vector<PlatformImage> images, const TreesOptions& options,
                           const layer::Sink& sink);

}  // namespace crossmill::oci
