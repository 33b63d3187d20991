// Parts of files, read and hashed.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/digest.h"

namespace crossmill {

// FAILED_PRECONDITION: a file has fewer bytes than it had.
absl::Status FileBecameShorter();

// Gives `size` bytes from `offset` on to `take`, in pieces that fit a processor's cache. FileBecameShorter if
// the file has fewer; an error of `take` ends it.
absl::Status ReadPieces(int fd, int64_t offset, int64_t size,
                        const std::function<absl::Status(std::string_view)>& take);

// Adds `size` bytes from `offset` on. FileBecameShorter if the file has fewer.
absl::Status HashFile(int fd, int64_t offset, int64_t size, Sha256* hash);
// Of its first `size` bytes.
absl::StatusOr<Digest> DigestOfFile(int fd, int64_t size);

}  // namespace crossmill
