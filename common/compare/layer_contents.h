// The contents of two layers' files, read out of the layers' tars at their places. Needs a blob store, which
// is the caller's: nothing is read but what is asked for.
#pragma once

#include <memory>
#include <string>

#include "common/base/blob_store.h"
#include "common/compare/step_comparison.h"
#include "common/layer/content_places.h"
#include "common/layer/layer_manifest.h"

namespace crossmill::compare {

// The file's content, read as it is asked for. NOT_FOUND: the layer has no such file. `blobs` outlives it.
absl::StatusOr<std::unique_ptr<Content>> OpenInLayer(BlobStore& blobs, const Digest& tar,
                                                     const layer::ContentPlaces& places,
                                                     const std::string& path);

class LayerContents final : public StepContents {
 public:
  // `blobs` outlives it and what it opens; so do no manifests.
  LayerContents(BlobStore& blobs, Digest first_tar, const layer::LayerManifest& first, Digest second_tar,
                const layer::LayerManifest& second)
      : blobs_(blobs),
        first_tar_(std::move(first_tar)),
        second_tar_(std::move(second_tar)),
        first_(first),
        second_(second) {}

  absl::StatusOr<std::unique_ptr<Content>> OpenFirst(const std::string& path) override {
    return OpenInLayer(blobs_, first_tar_, first_, path);
  }
  absl::StatusOr<std::unique_ptr<Content>> OpenSecond(const std::string& path) override {
    return OpenInLayer(blobs_, second_tar_, second_, path);
  }

 private:
  BlobStore& blobs_;
  const Digest first_tar_;
  const Digest second_tar_;
  const layer::ContentPlaces first_;
  const layer::ContentPlaces second_;
};

}  // namespace crossmill::compare
