// What the root of a Merkle tree or of an image refers to, down to files and layers. Pure: whoever walks
// reads the documents (folders, indexes, manifests), on whatever disk or bucket they are.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/digest.h"
#include "coordinator/storage/needs/message_digests.h"

namespace crossmill::coordinator {

// Documents are bounded far below this where they come in.
inline constexpr int64_t kLargestDocument = int64_t{64} << 20;

struct DocumentVisitor {
  // A file, config or layer: needed, and nothing is behind it.
  std::function<absl::Status(const Digest&)> content;
  // A document that is needed. `platform`: of an entry of an index ("linux/arm64"), which may never have been
  // pulled; else null. False: it is not read, being known or not there. Its size may be unknown.
  std::function<absl::StatusOr<bool>(const Digest&, const std::string* platform)> document;
  // The bytes; nothing: they are not there, or damaged.
  std::function<absl::StatusOr<std::optional<std::string>>(const Digest&)> read;
  // What `read` gave says nothing, or there was nothing: what is behind it is not known.
  std::function<void(const Digest&)> broken;
  // A manifest of one platform that was read.
  std::function<absl::Status(const Digest&)> manifest;
};

// Of kBytes: `content` alone. Ends with the first error of the visitor.
absl::Status WalkDocuments(const Digest& root, storage::ReferenceForm form, const DocumentVisitor& visitor);

}  // namespace crossmill::coordinator
