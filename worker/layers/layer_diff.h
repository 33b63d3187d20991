// What a step changed: an upper directory compared with the layers below it, and the upper directory made
// into exactly that. The rules are those of docs/formats.md, "Layers".
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/blob_store.h"
#include "common/layer/layer_manifest.h"
#include "common/layer/tar_entry.h"
#include "worker/tree/known_contents.h"

namespace crossmill::worker {

struct DiffOptions {
  // Seconds since 1970; no mtime in the layer is later.
  int64_t clamp_time = 0;
  // When the step began: what was written since has the clamp value even if that is still to come (a base
  // image made moments ago), so that a slower host gives the same bytes.
  int64_t started_at = std::numeric_limits<int64_t>::max();
  // mtimes are kept, in whole seconds.
  bool keep_times = false;
  // What changed gets exactly clamp_time.
  bool exact_times = false;
  // Mount points that the runtime may have created, absolute or relative to the root: dropped if they
  // are new, and empty. The folders they lie in do not count as touched by their creation.
  std::vector<std::string> stubs = {};
};

// One name in the upper directory, or a removal that its opaque mark implies.
struct DiffNode {
  layer::TarEntry entry;
  bool whiteout = false;
  // On disk in the upper directory.
  bool on_disk = true;
  // A socket or device is there, which no layer holds.
  bool in_the_way = false;
  // Differs from what is below.
  bool changed = false;
  // Part of the layer: changed, or a directory on the way to a change.
  bool kept = false;
  bool has_overlay_xattrs = false;
  // The mtime on disk is not entry.mtime exactly.
  bool time_differs = false;
  // Seconds: on disk, and of what lies below at the path, which is seen where the node is not kept.
  int64_t disk_mtime = 0;
  // Nanoseconds that belong to disk_mtime.
  int64_t disk_fraction = 0;
  int64_t lower_mtime = 0;
  uint64_t inode = 0;
  uint64_t links = 1;
  std::vector<DiffNode> children;
};

// The root's children; the root itself is no part of a layer.
struct UpperDiff {
  std::vector<DiffNode> nodes;
  // Devices and sockets that were left out, for the log.
  std::vector<std::string> left_out;
};

// `lowers`: layer directories, top first. `upper` is not mounted and nobody writes to it.
absl::StatusOr<UpperDiff> DiffUpper(const std::string& upper, const std::vector<std::string>& lowers,
                                    const DiffOptions& options);

// Writes the layer's tar and manifest to `blobs`. Whiteouts get `whiteout_time`. Files that are `known` to be
// blobs of the store need not be read.
struct WrittenLayer {
  Digest tar;
  Digest manifest;
  int64_t content_bytes = 0;
  // Files of the layer (hard links too), in order, and their own mtimes in Unix nanoseconds.
  std::vector<std::string> files;
  std::vector<int64_t> times;
};
absl::StatusOr<WrittenLayer> WriteLayer(const UpperDiff& diff, const std::string& upper,
                                        int64_t whiteout_time, const KnownContents& known, BlobStore& blobs,
                                        const std::stop_token& stop = {});

// Makes the upper directory what unpacking the layer would give: removes what was dropped, turns opaque
// marks into whiteouts, sets mtimes (directories last).
absl::Status PruneUpper(const UpperDiff& diff, const std::string& upper);

// Mode 0755, owner 0:0 and mtime 0: what every layer's root has, since no layer has an entry for it.
absl::Status ResetRoot(const std::string& folder);

}  // namespace crossmill::worker
