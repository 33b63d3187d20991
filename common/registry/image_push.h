// A whole image from a blob store to a registry.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/oci/image.h"
#include "common/registry/registry.h"

namespace crossmill::registry {

struct PushOptions {
  // Empty: what the root is, an index with all its platforms or a manifest. One: that platform's manifest
  // alone. Several: an index of them.
  std::vector<v1::Platform> platforms;
  // The root gets no tag: it is found by its digest alone.
  bool by_digest = false;
  // By a blob's hash: a repository of the same registry that is believed to have it. A wrong one costs a
  // request.
  std::map<std::string, std::string> mount_from;
  // Bytes of one blob so far; `existed`: none had to be sent. One call at a time, from several threads.
  std::function<void(const Digest& blob, int64_t done, bool existed)> on_progress;
  std::stop_token stop;
  // Blobs sent side by side.
  int connections = 4;
};

// Sends configs and layers, then manifests, then the index, each as it is in the store, and returns the
// digest that the reference's tag names now, or that of the root when there is none. Errors as
// RegistryClient; FAILED_PRECONDITION if the index names manifests that the store does not have (a pull for
// some platforms only), NOT_FOUND for a platform that it lacks.
absl::StatusOr<Digest> PushImage(RegistryClient& registry, const oci::Reference& reference, BlobStore& store,
                                 const Digest& root, const PushOptions& options = {});

}  // namespace crossmill::registry
