// A whole image from a registry into a blob store.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/blob_store.h"
#include "common/oci/image.h"
#include "common/registry/registry.h"

namespace crossmill::registry {

struct PullOptions {
  // Empty: every platform in the index. Others of the index are left out of the store, not of the index.
  std::vector<v1::Platform> platforms;
  // Bytes of one blob so far and its size. Called from several threads, one at a time.
  std::function<void(const Digest& blob, int64_t done)> on_progress;
  std::stop_token stop;
  // Blobs fetched side by side.
  int connections = 4;
};

struct PulledImage {
  // Index or manifest: what the reference names.
  Digest root;
  std::string media_type;
};

// Puts the image's documents, configs and layers (as they are, compressed) into the store; what the store
// has already is not fetched again. Errors as RegistryClient; NOT_FOUND lists the platforms if one that was
// asked for is missing.
absl::StatusOr<PulledImage> PullImage(RegistryClient& registry, const oci::Reference& reference,
                                      BlobStore& store, const PullOptions& options = {});

}  // namespace crossmill::registry
