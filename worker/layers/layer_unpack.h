// Unpacks a layer's tar, from our farm or from any registry, into a directory as overlayfs wants it:
// whiteouts are character devices 0:0, opaque markers the attribute user.overlay.opaque.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/layer/tar_reader.h"
#include "worker/tree/file_metadata.h"

namespace crossmill::worker {

struct UnpackNotes {
  // Device nodes, which no unprivileged unpacker can make (and a step gets its /dev from the runtime).
  std::vector<std::string> skipped_devices;
};

// `folder` exists and is empty. The source is read to its end, so that it can check its digest.
// INVALID_ARGUMENT for bytes that are no layer, FAILED_PRECONDITION for an owner outside `ids`; both name
// the path. Nothing outside the folder is touched, whatever the paths and links in the tar say.
absl::StatusOr<UnpackNotes> UnpackLayer(const layer::Source& tar, const std::string& folder,
                                        const IdMap& ids);

}  // namespace crossmill::worker
