// Blobs in a folder, one file per blob: FOLDER/sha256-HEX. For tasks that are executed by hand.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"

namespace crossmill::worker {

// Thread safe, also between processes. The folder is made if missing. Blobs are whole and checked, but not
// durable when Commit returns.
absl::StatusOr<std::unique_ptr<BlobStore>> OpenFolderBlobStore(const std::string& folder);

}  // namespace crossmill::worker
