// The files of a blob store on disk, for who sweeps it: looking at all of them once, removing one, writing
// down when they were used. A step of each is one shard (a 256th of the store) or one blob.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/digest.h"
#include "common/blobs/blob_uses.h"

namespace crossmill {

// FOLDER/blobs/ab/abcdef..., and with ".parts" behind it.
std::string BlobPath(const std::string& folder, const std::string& hash);
std::string BlobPartsPath(const std::string& folder, const std::string& hash);

// Notes every blob of the shard, used when its file was last read or written by its access time. Files that
// are no blobs are left alone. `found`, where given, is told of each with its size.
absl::Status ScanBlobs(const std::string& folder, int shard, BlobUses& uses,
                       const std::function<void(const Digest&)>& found = nullptr);

// False: it was used at `before` (Unix nanoseconds) or later, or somebody holds it. Both files go, or an
// error says what is left; that is still known then.
absl::StatusOr<bool> RemoveBlob(const std::string& folder, const BlobName& name, int64_t before,
                                BlobUses& uses);

// It is used now, whether it is there or not (BlobUses::Touch), which its files' access times say, too, so
// that a coordinator that starts again knows; best effort. False: it is not known yet.
bool TouchBlob(const std::string& folder, const BlobName& name, BlobUses& uses);

// The blob is used now, and has this file, perhaps since long before this process. `parts`: of a list of
// parts.
void NoteFile(const std::string& folder, const BlobName& name, BlobForm form, const struct stat& info,
              std::vector<BlobName> parts, BlobUses& uses);

// The content of a blob that is kept whole, without that counting as a use. NOT_FOUND; DATA_LOSS: the file
// does not have its hash; OUT_OF_RANGE: it is longer than `most`.
absl::StatusOr<std::string> PeekBlob(const std::string& folder, const std::string& hash, int64_t most);

}  // namespace crossmill
