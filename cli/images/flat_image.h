// An image's root file system as if one layer had made it, for comparing it with another's.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/base/opening/nameless_file.h"
#include "common/compare/content.h"
#include "common/layer/content_places.h"
#include "common/layer/layer_manifest.h"

namespace crossmill::cli {

// Immutable. Its contents are in a temporary file, which is gone with it.
class FlatImage {
 public:
  // `manifest`: of one platform. Reads all layers, and writes them to `temporary_folder` twice
  // (NamelessFile::Create says which one if it is empty). Errors as oci::AddImageLayers; RESOURCE_EXHAUSTED:
  // the disk is full.
  static absl::StatusOr<std::unique_ptr<FlatImage>> Read(BlobStore& blobs, const Digest& manifest,
                                                         const std::string& temporary_folder = "");

  const layer::LayerManifest& manifest() const { return manifest_; }
  // NOT_FOUND: it has no such file. What is opened must not outlive it.
  absl::StatusOr<std::unique_ptr<compare::Content>> Open(const std::string& path) const;

 private:
  FlatImage(NamelessFile tar, layer::LayerManifest manifest)
      : tar_(std::move(tar)), manifest_(std::move(manifest)), places_(manifest_) {}

  NamelessFile tar_;
  layer::LayerManifest manifest_;
  layer::ContentPlaces places_;
};

}  // namespace crossmill::cli
