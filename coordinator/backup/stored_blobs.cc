#include "coordinator/backup/stored_blobs.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "common/base/file_digest.h"
#include "common/base/files.h"
#include "common/base/status.h"

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
  if (stat(path.c_str(), &info) == 0 && info.st_size == digest.size)
    return StoredFile{path, info.st_size, {}};
  const std::string parted = BlobPartsPath(folder_, digest.hash);
  auto file = OpenFile(parted, O_RDONLY);
  if (absl::IsNotFound(file.status())) return std::nullopt;
  RETURN_IF_ERROR(file.status());
  auto parts = ReadPartList(file->get());
  if (absl::IsDataLoss(parts.status())) return std::nullopt;
  RETURN_IF_ERROR(parts.status());
  if (SizeOf(*parts) != digest.size || fstat(file->get(), &info) != 0) return std::nullopt;
  return StoredFile{parted, info.st_size, *std::move(parts)};
}

absl::Status StoredBlobs::Read(const Digest& digest,
                               const std::function<absl::Status(std::string_view)>& take) const {
  if (digest.size == 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::optional<StoredFile> found, Find(digest));
  if (!found) return NotThere(digest);
  ASSIGN_OR_RETURN(const UniqueFd file, OpenFile(found->path, O_RDONLY));
  if (found->parts.empty()) return ReadPieces(file.get(), 0, digest.size, take);
  int64_t own = 0;
  for (const BlobPart& part : found->parts) {
    if (part.blob.empty()) {
      RETURN_IF_ERROR(ReadPieces(file.get(), own, part.bytes, take));
      own += part.bytes;
      continue;
    }
    // Parts have no parts.
    struct stat info;
    if (stat(PathOf(part.blob.hash).c_str(), &info) != 0 || info.st_size != part.blob.size)
      return NotThere(part.blob);
    ASSIGN_OR_RETURN(const UniqueFd piece, OpenFile(PathOf(part.blob.hash), O_RDONLY));
    RETURN_IF_ERROR(ReadPieces(piece.get(), 0, part.blob.size, take));
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
