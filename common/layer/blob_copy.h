// Streams into blobs and out of them.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/base/status.h"
#include "common/layer/tar_reader.h"

namespace crossmill::layer {

// Puts the whole stream into the store. With `expected` not empty, INVALID_ARGUMENT if it has another
// digest.
inline absl::StatusOr<Digest> CopyToStore(const Source& source, BlobStore& store, const Digest& expected) {
  ASSIGN_OR_RETURN(const std::unique_ptr<BlobWriter> writer, store.Create(expected));
  std::string buffer(256 << 10, '\0');
  while (true) {
    ASSIGN_OR_RETURN(const size_t count, source(buffer.data(), buffer.size()));
    if (count == 0) return writer->Commit();
    RETURN_IF_ERROR(writer->Write(std::string_view(buffer.data(), count)));
  }
}

// The blob as a source; DATA_LOSS at its end if it does not have its digest.
inline absl::StatusOr<Source> BlobSource(BlobStore& store, const Digest& digest) {
  ASSIGN_OR_RETURN(std::unique_ptr<BlobReader> reader, store.Open(digest, 0));
  return Source([shared = std::shared_ptr<BlobReader>(std::move(reader))](char* buffer, size_t size) {
    return shared->Read(buffer, size);
  });
}

}  // namespace crossmill::layer
