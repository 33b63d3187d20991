// Which blobs a message of the record names, wherever in it: plans, submissions, views. Read from
// descriptors, so that a field that is added later is not forgotten.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "common/base/digest.h"

namespace google::protobuf {
class Message;
}

namespace crossmill::storage {

// What is behind a blob: nothing, a Merkle tree of which it is the root, or an image of which it is the index
// or a manifest.
enum class ReferenceForm { kBytes, kTree, kImage };

// The size of a blob of which only the hash is known.
inline constexpr int64_t kUnknownSize = -1;

struct NamedDigest {
  // A hash of 64 hex digits. Of kUnknownSize where a field has its OCI form ("image_digest").
  Digest digest;
  ReferenceForm form = ReferenceForm::kBytes;
};

// Ends with the first error of `take`. Contents of files that differ are left out: no store has them.
absl::Status ForEachDigest(const google::protobuf::Message& message,
                           const std::function<absl::Status(const NamedDigest&)>& take);

}  // namespace crossmill::storage
