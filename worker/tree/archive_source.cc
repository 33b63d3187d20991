#include "worker/tree/archive_source.h"

#include "common/layer/archive_stream.h"

namespace crossmill::worker {

layer::Source MakeDecompressingSource(BlobReader& blob) {
  return layer::AnyDecompressed([&blob](char* buffer, size_t size) { return blob.Read(buffer, size); });
}

absl::StatusOr<bool> IsTarArchive(BlobReader& blob) {
  layer::TarReader reader(MakeDecompressingSource(blob), layer::TarNames::kForgiving);
  const auto first = reader.Next();
  if (first.ok()) return first->has_value();
  if (absl::IsInvalidArgument(first.status())) return false;
  return first.status();
}

}  // namespace crossmill::worker
