// Which blobs a record refers to: by columns that have digests, and by messages in it that do. What is behind
// those (the files of a tree, the layers of an image) is not in the record (coordinator/backup/needed_blobs).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/base/digest.h"
#include "coordinator/storage/sqlite.h"

namespace crossmill::storage {

// What it means that the blob is gone, gravest first.
enum class NeededBy {
  // An image that has a name: nothing makes it again.
  kImage,
  // A build that has not ended would fail.
  kUnfinished,
  // It is made or fetched again when it is needed.
  kCache,
};

// What is behind the blob.
enum class ReferenceForm { kBytes, kTree, kImage };

struct RecordReference {
  Digest digest;
  ReferenceForm form = ReferenceForm::kBytes;
  NeededBy by = NeededBy::kCache;
  // For people: "image docker.io/library/app:1", "step results". Valid during the call.
  std::string_view what;
  // Of an image: "linux/amd64" of each of its platforms, those of an index that have to be there. Else null.
  const std::vector<std::string>* platforms = nullptr;
};

using TakeReference = std::function<absl::Status(const RecordReference&)>;

// All of them, images first, then unfinished builds, then caches; a blob as often as it is referred to. Ends
// with the first error of `take`. DATA_LOSS for a message that cannot be read.
absl::Status ListReferences(Database& record, const TakeReference& take);

}  // namespace crossmill::storage
