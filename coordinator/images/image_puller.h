// Copies an image from a source into the blob store: documents, configs and layers, as they are.
#pragma once

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/blob_store.h"
#include "common/oci/image.h"
#include "common/oci/reference.h"
#include "coordinator/images/image_source.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::coordinator {

// Payload of the NOT_FOUND that says: the image is there, but not for this platform.
inline constexpr char kMissingPlatform[] = "crossmill/missing-platform";

struct PullStep {
  // "sha256:..." of the blob that is being fetched.
  std::string digest;
  int64_t done_bytes = 0;
  int64_t total_bytes = 0;
};
// Called on the pulling thread, at most once per MiB and at the end of each blob. An error ends the pull.
using PullProgress = std::function<absl::Status(const PullStep&)>;

// Thread safe.
class ImagePuller {
 public:
  ImagePuller(BlobStore& blobs, ImageSource& source) : blobs_(blobs), source_(source) {}

  // Fetches what the store lacks of the platforms (none given: all that the index has) and returns the digest
  // of the root document. NOT_FOUND lists the platforms if one is not there; else errors of the source.
  absl::StatusOr<Digest> Pull(const oci::Reference& reference, absl::Span<const v1::Platform> platforms,
                              const PullProgress& progress);

 private:
  absl::Status PullManifest(const oci::Reference& reference, const std::string& document,
                            const PullProgress& progress);
  absl::Status PullBlob(const oci::Reference& reference, const oci::Descriptor& blob,
                        const PullProgress& progress);

  BlobStore& blobs_;
  ImageSource& source_;
};

}  // namespace crossmill::coordinator
