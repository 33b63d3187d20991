// Bytes on their way out: kept in memory while few, in an unlinked temporary file when many, so that
// an upload can start again from any offset.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/files.h"

namespace crossmill::rpc {

// Not thread safe.
class Spool {
 public:
  // `folder` may be empty: $TMPDIR or /tmp. More than `memory_limit` bytes go to the file.
  Spool(std::string folder, size_t memory_limit) : folder_(std::move(folder)), memory_limit_(memory_limit) {}
  // RESOURCE_EXHAUSTED when the disk is full; the message names the folder.
  absl::Status Append(std::string_view bytes);
  int64_t size() const { return size_; }
  // Fills `buffer` as far as the content goes.
  absl::StatusOr<size_t> ReadAt(int64_t offset, char* buffer, size_t size) const;
  // Takes everything out of a spool that never needed its file; FAILED_PRECONDITION otherwise.
  absl::StatusOr<std::string> TakeMemory();
  bool in_memory() const { return !file_.valid(); }

 private:
  absl::Status OpenTemporary();

  const std::string folder_;
  const size_t memory_limit_;
  std::string memory_;
  UniqueFd file_;
  int64_t size_ = 0;
};

}  // namespace crossmill::rpc
