// The wheels in the image that a recipe of a wheelhouse ends with, as files of a folder.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/wheelhouse/package_record.h"
#include "common/base/blob_store.h"

namespace crossmill::cli {

struct ImageWheels {
  std::vector<WheelFile> files;
  WheelStatements statements;
};

// Writes each wheel of the image into `folder`, which exists. What a package's own build wrote is foreign:
// only regular files at the root that are named as a wheel count, each is read (its name, version and
// requirements out of its metadata) and hashed while it is written. INVALID_ARGUMENT names a wheel that
// cannot be read or whose metadata is another's; the store's errors.
absl::StatusOr<ImageWheels> TakeWheels(BlobStore& blobs, const Digest& manifest, const std::string& folder);

// Name, digest, size and metadata of a wheel that is a file. Errors as above.
absl::StatusOr<WheelFile> ReadWheelFile(const std::string& path, const std::string& name);

}  // namespace crossmill::cli
