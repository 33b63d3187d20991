// Root file systems made of layers: the interface between what executes steps and what stores them.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/base/digest.h"
#include "crossmill/v1/plan.pb.h"
#include "worker/tree/known_contents.h"

namespace crossmill::worker {

class LayerEditor;

struct CommitOptions {
  // The layer's clamp value, seconds since 1970: no mtime in it is later.
  int64_t clamp_time = 0;
  // --source-date-epoch=none: mtimes are kept in whole seconds instead.
  bool keep_times = false;
  // COPY from the context: what changed gets exactly clamp_time.
  bool exact_times = false;
  // Mount points that the runtime may have created in the root; dropped where they are new and empty.
  std::vector<std::string> stubs = {};
  // What the step copied, and nobody wrote to since.
  KnownContents known = {};
  // Changes what the step left before it becomes the layer; nullptr: nothing does. Outlives the call.
  LayerEditor* editor = nullptr;
  // Ends the wait for a store that has no room (worker/tree/full_store.h).
  std::stop_token stop = {};
};

struct CommittedLayer {
  v1::Layer layer;
  // Sum over the layer's regular files, in bytes.
  int64_t content_bytes = 0;
  // Of files (hard links too), relative to the root, in the layer's order.
  std::vector<std::string> changed_paths;
  // Parallel to it: the mtimes as the step left them, before they were clamped; Unix time in nanoseconds.
  std::vector<int64_t> changed_times;
};

// A mounted root. Not thread safe. Destroying it unmounts it and removes what was not committed.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  // The merged folder, absolute.
  virtual const std::string& root() const = 0;
  // The folder that holds what was written into the root; empty: there is none.
  virtual std::string written() const { return ""; }
  // Unmounts, writes what changed to the blob store as layer and manifest, and keeps it as a layer that
  // other snapshots can stand on. Call at most once, when no process uses the root any more. Not for views.
  virtual absl::StatusOr<CommittedLayer> Commit(const CommitOptions& options) = 0;
};

// Thread safe. Snapshots and what Hold gives must not outlive it.
class Snapshotter {
 public:
  virtual ~Snapshotter() = default;
  // While it lives these layers are not removed for want of room, whether they are here already or not.
  virtual std::shared_ptr<const void> Hold(absl::Span<const Digest>) { return nullptr; }
  // Fetches the layer from the blob store and unpacks it, unless it is there; concurrent calls for one
  // layer do it once. NOT_FOUND or DATA_LOSS from the store; FAILED_PRECONDITION for an owner that does
  // not exist here; INVALID_ARGUMENT for bytes that are no layer.
  virtual absl::Status EnsureLayer(const Digest& tar) = 0;
  // A writable root on `parents` (bottom first; none: an empty root). Ensures them.
  virtual absl::StatusOr<std::unique_ptr<Snapshot>> Prepare(absl::Span<const Digest> parents) = 0;
  // A read-only root, for exports.
  virtual absl::StatusOr<std::unique_ptr<Snapshot>> View(absl::Span<const Digest> parents) = 0;
};

}  // namespace crossmill::worker
