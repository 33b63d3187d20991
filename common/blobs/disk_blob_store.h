// Blobs as files: FOLDER/blobs/ab/abcdef... (by hash, sharded by its first byte), FOLDER/tmp for what is
// being written, FOLDER/corrupt for files that were found not to have their digest.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/blobs/blob_uses.h"

namespace crossmill {

class DiskBlobStore : public BlobStore {
 public:
  // What is there and when it was used; complete once all shards were scanned (blob_files.h), which nobody
  // does by itself.
  virtual BlobUses& uses() = 0;
  virtual const std::string& folder() const = 0;
};

// Makes FOLDER if needed, takes a lock on it (FAILED_PRECONDITION while another process has it) and removes
// what an earlier process left in FOLDER/tmp.
//
// Thread safe. A blob that Commit, Put or FindMissing has reported as present is durable: its file was
// synced before it got its name, and the name was synced too. A blob is checked against its digest when
// written and whenever it is read to its end from its beginning; a file that fails is moved aside, so that
// the blob is missing from then on and can be written again. A full disk is RESOURCE_EXHAUSTED and leaves
// nothing behind. Blobs may be removed beside it by RemoveBlob (blob_files.h) with its uses(): what it has
// said to be there, is being read or is part of what is written was used or is held then.
absl::StatusOr<std::unique_ptr<DiskBlobStore>> OpenDiskBlobStore(const std::string& folder);

}  // namespace crossmill
