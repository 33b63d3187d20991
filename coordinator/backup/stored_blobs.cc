#include "coordinator/backup/stored_blobs.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "common/base/file_digest.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "coordinator/storage/needs/message_digests.h"

namespace crossmill::backup {
namespace {

absl::Status NotThere(const Digest& digest) {
  return absl::NotFoundError(fmt::format("blob {} is not there", ToString(digest)));
}

}  // namespace

absl::StatusOr<std::optional<StoredFile>> StoredBlobs::Find(const Digest& digest) const {
  if (!IsSha256Hex(digest.hash)) return std::nullopt;
  const std::string path = PathOf(digest.hash);
  struct stat info;
  const bool any_size = digest.size == storage::kUnknownSize;
  if (stat(path.c_str(), &info) == 0 && (any_size || info.st_size == digest.size))
    return StoredFile{.path = path, .size = info.st_size, .file_size = info.st_size, .parts = {}};
  const std::string parted = BlobPartsPath(folder_, digest.hash);
  auto file = OpenFile(parted, O_RDONLY);
  if (absl::IsNotFound(file.status())) return InBucket(digest);
  RETURN_IF_ERROR(file.status());
  auto parts = ReadPartList(file->get());
  if (absl::IsDataLoss(parts.status())) return InBucket(digest);
  RETURN_IF_ERROR(parts.status());
  const int64_t size = SizeOf(*parts);
  if ((!any_size && size != digest.size) || fstat(file->get(), &info) != 0) return InBucket(digest);
  if (!IsWholeOnDisk(*parts)) {
    ASSIGN_OR_RETURN(std::optional<StoredFile> whole, InBucket({digest.hash, size}));
    if (whole) return whole;
  }
  return StoredFile{.path = parted, .size = size, .file_size = info.st_size, .parts = *std::move(parts)};
}

bool StoredBlobs::IsWholeOnDisk(const std::vector<BlobPart>& parts) const {
  return std::all_of(parts.begin(), parts.end(), [this](const BlobPart& part) {
    struct stat info;
    return part.blob.empty() ||
           (stat(PathOf(part.blob.hash).c_str(), &info) == 0 && info.st_size == part.blob.size);
  });
}

absl::StatusOr<std::optional<StoredFile>> StoredBlobs::InBucket(const Digest& digest) const {
  if (bucket_ == nullptr) return std::nullopt;
  ASSIGN_OR_RETURN(const std::optional<int64_t> size, bucket_->SizeOf(digest.hash));
  if (!size || (digest.size != storage::kUnknownSize && *size != digest.size)) return std::nullopt;
  return StoredFile{.path = "", .size = *size, .file_size = *size, .parts = {}, .in_bucket = true};
}

absl::Status StoredBlobs::ReadPart(const Digest& part,
                                   const std::function<absl::Status(std::string_view)>& take) const {
  // Parts have no parts.
  struct stat info;
  if (stat(PathOf(part.hash).c_str(), &info) == 0 && info.st_size == part.size) {
    ASSIGN_OR_RETURN(const UniqueFd piece, OpenFile(PathOf(part.hash), O_RDONLY));
    return ReadPieces(piece.get(), 0, part.size, take);
  }
  ASSIGN_OR_RETURN(const std::optional<StoredFile> behind, InBucket(part));
  return behind ? bucket_->Read(part, take) : NotThere(part);
}

absl::Status StoredBlobs::Read(const Digest& digest,
                               const std::function<absl::Status(std::string_view)>& take) const {
  if (digest.size == 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::optional<StoredFile> found, Find(digest));
  if (!found) return NotThere(digest);
  if (found->in_bucket) return bucket_->Read(digest, take);
  ASSIGN_OR_RETURN(const UniqueFd file, OpenFile(found->path, O_RDONLY));
  if (found->parts.empty()) return ReadPieces(file.get(), 0, digest.size, take);
  int64_t own = 0;
  for (const BlobPart& part : found->parts) {
    if (part.blob.empty()) {
      RETURN_IF_ERROR(ReadPieces(file.get(), own, part.bytes, take));
      own += part.bytes;
      continue;
    }
    RETURN_IF_ERROR(ReadPart(part.blob, take));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> StoredBlobs::Get(const Digest& digest, int64_t limit) const {
  if (digest.size > limit)
    return absl::DataLossError(fmt::format("blob {} is too large for what it should be", ToString(digest)));
  std::string bytes;
  RETURN_IF_ERROR(Read(digest, [&](std::string_view piece) {
    bytes.append(piece);
    return absl::OkStatus();
  }));
  if (DigestOf(bytes) != digest)
    return absl::DataLossError(fmt::format("blob {} does not have its digest", ToString(digest)));
  return bytes;
}

absl::Status StoredBlobs::Verify(const Digest& digest, const Pace& pace) const {
  Sha256 hash;
  RETURN_IF_ERROR(Read(digest, [&](std::string_view piece) {
    hash.Update(piece);
    return pace(static_cast<int64_t>(piece.size()));
  }));
  if (hash.Finish() == digest) return absl::OkStatus();
  return absl::DataLossError(fmt::format("blob {} does not have its digest", ToString(digest)));
}

}  // namespace crossmill::backup
