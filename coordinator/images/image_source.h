// Where images come from that the farm does not have: a registry, or a fake one in tests.
#pragma once

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/base/digest.h"
#include "common/oci/image_pull.h"
#include "common/oci/reference.h"
#include "common/oci/registry.h"

namespace crossmill::coordinator {

// Thread safe.
class ImageSource {
 public:
  virtual ~ImageSource() = default;
  // Puts the image's blobs for the wanted platforms into the store and returns its root. Errors as
  // oci::PullImage: NOT_FOUND, PERMISSION_DENIED, UNAVAILABLE with the registry's own words.
  virtual absl::StatusOr<Digest> Pull(const oci::Reference& reference, BlobStore& blobs,
                                      const oci::PullOptions& options) = 0;
};

class RegistrySource final : public ImageSource {
 public:
  // `client` outlives it.
  explicit RegistrySource(oci::RegistryClient& client) : client_(client) {}

  absl::StatusOr<Digest> Pull(const oci::Reference& reference, BlobStore& blobs,
                              const oci::PullOptions& options) override {
    const auto pulled = oci::PullImage(client_, reference, blobs, options);
    if (!pulled.ok()) return pulled.status();
    return pulled->root;
  }

 private:
  oci::RegistryClient& client_;
};

}  // namespace crossmill::coordinator
