// All blobs of an image that is in a blob store.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/oci/image.h"

namespace crossmill::oci {

// Largest document (index, manifest, config) that is read, in bytes.
inline constexpr int64_t kMaxDocument = 8 << 20;

struct ImageBlobs {
  // Of the root: an index's or a manifest's.
  std::string media_type;
  // The root first, each document before those it names, each blob once.
  std::vector<Descriptor> documents;
  // Configs and layers, each once, in order of first mention.
  std::vector<Descriptor> contents;
  // Of the image manifests, as their configs say (attestations left out), each once.
  std::vector<v1::Platform> platforms;
  // Sum of the sizes of documents and contents, in bytes.
  int64_t total_bytes = 0;
};

// Reads the documents from `root` (index or manifest) down. The store must have all blobs, except that
// an index may name manifests which are not there, as long as one is (archives made for one platform keep
// the whole index). FAILED_PRECONDITION names a blob that is missing and what needs it.
absl::StatusOr<ImageBlobs> WalkImage(BlobStore& store, const Digest& root);

}  // namespace crossmill::oci
