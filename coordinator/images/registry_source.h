// ImageSource over the registry protocol.
#pragma once

#include "common/base/status.h"
#include "common/oci/registry.h"
#include "coordinator/images/image_source.h"

namespace crossmill::coordinator {

// Thread safe; the client outlives it.
class RegistrySource final : public ImageSource {
 public:
  explicit RegistrySource(oci::RegistryClient& client) : client_(client) {}

  absl::StatusOr<ImageDocument> GetDocument(const oci::Reference& reference) override {
    ASSIGN_OR_RETURN(oci::RegistryManifest manifest, client_.GetManifest(reference));
    return ImageDocument{std::move(manifest.media_type), std::move(manifest.bytes)};
  }
  absl::Status GetBlob(const oci::Reference& reference, const Digest& digest, BlobWriter& writer) override {
    return client_.GetBlob(reference, digest, writer);
  }

 private:
  oci::RegistryClient& client_;
};

}  // namespace crossmill::coordinator
