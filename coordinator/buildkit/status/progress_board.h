// What a BuildKit client is shown of a build while it runs (Control.Status): vertices with their states, byte
// counts, logs and warnings. Whoever works on the build tells it here; Status calls read it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace crossmill::coordinator::buildkit {

// One vertex: a line of the client's display. Thread safe. Ends by itself, as failed, when the last owner
// drops it without an end.
class ProgressVertex {
 public:
  virtual ~ProgressVertex() = default;
  // "sha256:...", unique in the build.
  virtual const std::string& digest() const = 0;
  // `id` is the text that is shown ("exporting layers"). total 0: not known. `done` ends that line.
  virtual void Status(std::string_view id, int64_t current, int64_t total, bool done) = 0;
  // Raw bytes; stream 1: output, 2: errors.
  virtual void Log(int stream, std::string_view bytes) = 0;
  virtual void End(bool cached = false) = 0;
  virtual void Fail(std::string_view error) = 0;
};

// Thread safe.
class ProgressBoard {
 public:
  virtual ~ProgressBoard() = default;
  // Begins a vertex with a name as BuildKit has it ("[internal] load build context"); `inputs`: digests.
  virtual std::shared_ptr<ProgressVertex> Begin(std::string_view name,
                                                const std::vector<std::string>& inputs = {}) = 0;
};

}  // namespace crossmill::coordinator::buildkit
