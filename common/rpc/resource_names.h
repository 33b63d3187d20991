// Names of blobs in the ByteStream protocol, as the Remote Execution API v2 defines them:
//
//   read   [instance/]blobs/{hash}/{size}
//   write  [instance/]uploads/{uuid}/blobs/{hash}/{size}[/anything]
//
// and the same with `compressed-blobs/zstd` in place of `blobs`; hash and size are then still those of
// the uncompressed blob. An instance may contain slashes but no keyword. SHA-256 has no digest-function
// segment; names with one are refused.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/digest.h"

namespace crossmill::rpc {

struct ResourceName {
  std::string instance;
  // Only in names for writing.
  std::string uuid;
  bool zstd = false;
  Digest digest;
};

// INVALID_ARGUMENT names the resource and what is wrong with it.
absl::StatusOr<ResourceName> ParseReadName(std::string_view name);
absl::StatusOr<ResourceName> ParseWriteName(std::string_view name);

std::string ReadName(const Digest& digest, bool zstd = false);
// With a fresh random UUID.
std::string NewWriteName(const Digest& digest, bool zstd = false);

// INVALID_ARGUMENT unless 64 lower-case hex digits, a size of at least 0, and for size 0 the hash of nothing.
absl::Status CheckDigest(const Digest& digest);

}  // namespace crossmill::rpc
