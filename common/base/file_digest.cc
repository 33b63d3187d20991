#include "common/base/file_digest.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill {
namespace {

constexpr int64_t kPiece = 256 << 10;

}  // namespace

absl::Status FileBecameShorter() {
  return absl::FailedPreconditionError("the file became shorter while it was read");
}

absl::Status ReadPieces(int fd, int64_t offset, int64_t size,
                        const std::function<absl::Status(std::string_view)>& take) {
  std::string buffer(static_cast<size_t>(std::clamp<int64_t>(size, 0, kPiece)), '\0');
  for (const int64_t end = offset + size; offset < end;) {
    const size_t wanted =
        static_cast<size_t>(std::min<int64_t>(end - offset, static_cast<int64_t>(buffer.size())));
    ASSIGN_OR_RETURN(const size_t count, ReadAt(fd, offset, buffer.data(), wanted));
    if (count < wanted) return FileBecameShorter();
    RETURN_IF_ERROR(take(std::string_view(buffer.data(), count)));
    offset += static_cast<int64_t>(count);
  }
  return absl::OkStatus();
}

absl::Status HashFile(int fd, int64_t offset, int64_t size, Sha256* hash) {
  return ReadPieces(fd, offset, size, [hash](std::string_view piece) {
    hash->Update(piece);
    return absl::OkStatus();
  });
}

absl::StatusOr<Digest> DigestOfFile(int fd, int64_t size) {
  Sha256 hash;
  RETURN_IF_ERROR(HashFile(fd, 0, size, &hash));
  return hash.Finish();
}

}  // namespace crossmill
