// Where images come from that the farm does not have: a registry, or a fake one in tests.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/base/digest.h"
#include "common/oci/reference.h"

namespace crossmill::coordinator {

struct ImageDocument {
  // Of an index or manifest.
  std::string media_type;
  std::string bytes;
};

// Thread safe.
class ImageSource {
 public:
  virtual ~ImageSource() = default;
  // The index or manifest behind the reference; with a digest in it, verified. NOT_FOUND when the registry
  // says that there is no such image, PERMISSION_DENIED or UNAUTHENTICATED when it does not show it,
  // UNAVAILABLE when it does not answer; the message holds the registry's own words.
  virtual absl::StatusOr<ImageDocument> GetDocument(const oci::Reference& reference) = 0;
  // Writes the whole blob of the reference's repository; the writer's Commit, which the caller calls,
  // verifies it.
  virtual absl::Status GetBlob(const oci::Reference& reference, const Digest& digest, BlobWriter& writer) = 0;
};

}  // namespace crossmill::coordinator
