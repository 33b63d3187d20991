// The file of a blob that is kept as the parts it was put together from: its own bytes, and other blobs that
// are not repeated (docs/formats.md, "Blobs on disk"). A layer that COPY made of large files of the context
// is little more than its headers this way.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/digest.h"
#include "common/blobs/blob_name.h"

namespace crossmill {

struct BlobPart {
  // Of another blob; empty: the next `bytes` bytes of the file itself.
  Digest blob;
  int64_t bytes = 0;

  int64_t size() const { return blob.empty() ? bytes : blob.size; }
};

// Bytes of all parts.
int64_t SizeOf(absl::Span<const BlobPart> parts);
// The other blobs, as often as they occur.
std::vector<BlobName> NamesOf(absl::Span<const BlobPart> parts);

// A list that can be read again is at most this long; beyond it a blob is copied into the file.
inline constexpr size_t kMostParts = 500'000;

// Ends the file: its own bytes are in it already, one after the other, and `fd` stands behind them.
absl::Status WritePartList(int fd, absl::Span<const BlobPart> parts);
// DATA_LOSS if the file does not end in a list, or the list does not fit the file.
absl::StatusOr<std::vector<BlobPart>> ReadPartList(int fd);

}  // namespace crossmill
