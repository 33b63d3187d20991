// The canonical tar: one tree has exactly one form, byte by byte (docs/formats.md, "Canonical tar").
//
// Every entry is a POSIX ustar header. What ustar cannot hold goes into one pax extended header before
// it, and nothing else does: a path that fits neither the name field nor a prefix/name split, a link
// target over 100 bytes, size or mtime over 8^11-1, uid or gid over 8^7-1, extended attributes. The
// fields that pax overrides hold zero (numbers) or their first 100 bytes (names).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/base/blob_store.h"
#include "common/layer/tar_entry.h"

namespace crossmill::layer {

// Bytes that an entry in canonical form has before its content: header, and the pax header before that.
int64_t HeaderBytes(const TarEntry& entry);
// Bytes that content takes: it is filled up to whole blocks.
int64_t PaddedBytes(int64_t content);

// Takes the next bytes of a stream.
using Sink = std::function<absl::Status(std::string_view)>;

// Not thread safe. Errors of the sink are returned as they are; after any error the writer is dead.
class CanonicalTarWriter {
 public:
  // `sink` gets the bytes in pieces of up to about 256 KiB, or as large as given to Data().
  explicit CanonicalTarWriter(Sink sink);
  // Writes to a blob, which must outlive the writer; the caller commits it.
  explicit CanonicalTarWriter(BlobWriter& blob);

  // Starts an entry. INVALID_ARGUMENT, naming the path, if the entry is not in canonical form (see
  // TarEntry; symlinks have mode 0777, hard links a target that comes before them and no xattrs, mtime
  // is not negative) or does not come after the one before it in the order of ComparePaths.
  absl::Status Add(const TarEntry& entry);
  // Content of the file added last; the pieces must add up to its size.
  absl::Status Data(std::string_view bytes);
  // The whole content of the file added last, from the beginning of a regular file; of a writer with a blob
  // only. As BlobWriter::WriteFile: nobody may write to it until the blob is committed.
  absl::Status FileData(int fd);
  // The same from what the blob's store has; as BlobWriter::WriteBlob, UNIMPLEMENTED and NOT_FOUND leave
  // everything as it was.
  absl::Status BlobData(const Digest& content);
  // Two zero blocks, no further padding. Nothing may be added after it.
  absl::Status Finish();

 private:
  absl::Status CheckOrder(const TarEntry& entry) const;
  absl::Status EndEntry();
  absl::Status Emit(std::string_view bytes);
  absl::Status EmitBuffer();
  absl::Status Pad(int64_t size);

  Sink sink_;
  // Where sink_ leads, if it is a blob.
  BlobWriter* blob_ = nullptr;
  std::string buffer_;
  std::string previous_path_;
  bool previous_is_directory_ = true;
  int64_t missing_ = 0;  // Bytes of content still to come.
  int64_t size_ = 0;     // Of the entry added last.
  bool finished_ = false;
};

}  // namespace crossmill::layer
