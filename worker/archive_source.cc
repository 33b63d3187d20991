#include "worker/archive_source.h"

#include "common/oci/archive_stream.h"

namespace crossmill::worker {

oci::Source MakeDecompressingSource(BlobReader& blob) {
  return oci::AnyDecompressed([&blob](char* buffer, size_t size) { return blob.Read(buffer, size); });
}

absl::StatusOr<bool> IsTarArchive(BlobReader& blob) {
  oci::TarReader reader(MakeDecompressingSource(blob));
  const auto first = reader.Next();
  if (first.ok()) return first->has_value();
  if (absl::IsInvalidArgument(first.status())) return false;
  return first.status();
}

}  // namespace crossmill::worker
