// A context's Merkle tree in the blob store: folders and files in it by their paths. Links are followed as
// long as they stay in the tree.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "common/base/blob_store.h"
#include "common/base/digest.h"

namespace crossmill::coordinator::buildkit {

namespace reapi = ::build::bazel::remote::execution::v2;

// One of the three.
struct TreeEntry {
  enum class Kind { kFolder, kFile, kLink } kind = Kind::kFolder;
  Digest digest = {};
  // Of a link.
  std::string target = {};
  uint32_t mode = 0755;
};

// What is at the path, links followed; "" is the root. NOT_FOUND in words that clients know ("no such file"),
// INVALID_ARGUMENT: a link leads out of the tree, or round.
absl::StatusOr<TreeEntry> FindInTree(BlobStore& blobs, const Digest& root, std::string_view path);
// Of a folder.
absl::StatusOr<reapi::Directory> ReadTreeFolder(BlobStore& blobs, const Digest& folder);
// RESOURCE_EXHAUSTED beyond `most` bytes.
absl::StatusOr<std::string> ReadTreeFile(BlobStore& blobs, const Digest& root, std::string_view path,
                                         int64_t most);
// An empty folder, put into the store.
absl::StatusOr<Digest> EmptyTree(BlobStore& blobs);
// A folder with one file.
absl::StatusOr<Digest> TreeOfFile(BlobStore& blobs, std::string_view name, const Digest& file);

}  // namespace crossmill::coordinator::buildkit
