#include "worker/task/required_blobs.h"

#include "common/base/status.h"

namespace crossmill::worker {
namespace {

absl::Status Required(const absl::Status& status) {
  return absl::IsNotFound(status) ? absl::UnavailableError(status.message()) : status;
}

}  // namespace

absl::StatusOr<std::vector<Digest>> RequiredBlobs::FindMissing(absl::Span<const Digest> digests) {
  return blobs_.FindMissing(digests);
}

absl::StatusOr<std::unique_ptr<BlobReader>> RequiredBlobs::Open(const Digest& digest, int64_t offset) {
  auto reader = blobs_.Open(digest, offset);
  if (!reader.ok()) return Required(reader.status());
  return reader;
}

absl::StatusOr<std::unique_ptr<BlobWriter>> RequiredBlobs::Create(const Digest& expected) {
  return blobs_.Create(expected);
}

absl::StatusOr<std::string> RequiredBlobs::Get(const Digest& digest) {
  auto bytes = blobs_.Get(digest);
  if (!bytes.ok()) return Required(bytes.status());
  return bytes;
}

absl::StatusOr<std::vector<std::string>> RequiredBlobs::GetAll(absl::Span<const Digest> digests) {
  auto contents = blobs_.GetAll(digests);
  if (!contents.ok()) return Required(contents.status());
  return contents;
}

absl::Status RequiredBlobs::Put(absl::Span<const std::pair<Digest, std::string>> blobs) {
  return blobs_.Put(blobs);
}

}  // namespace crossmill::worker
