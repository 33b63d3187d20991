// SHA-256 of what files hold.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/digest.h"

namespace crossmill {

// FAILED_PRECONDITION: a file has fewer bytes than it had.
absl::Status FileBecameShorter();

// Adds `size` bytes from `offset` on. FileBecameShorter if the file has fewer.
absl::Status HashFile(int fd, int64_t offset, int64_t size, Sha256* hash);
// Of its first `size` bytes.
absl::StatusOr<Digest> DigestOfFile(int fd, int64_t size);

}  // namespace crossmill
