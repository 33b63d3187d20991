// Bytes on their way out: kept in memory while few, in a nameless file when many, so that an upload can
// start again from any offset.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/opening/nameless_file.h"

namespace crossmill::rpc {

// Not thread safe.
class UploadBuffer {
 public:
  // More than `memory_limit` bytes go to a file in `folder` (empty: as NamelessFile says).
  UploadBuffer(std::string folder, size_t memory_limit)
      : folder_(std::move(folder)), memory_limit_(memory_limit) {}
  // RESOURCE_EXHAUSTED when the disk is full; the message names the folder.
  absl::Status Append(std::string_view bytes);
  int64_t size() const { return file_ ? file_->size() : static_cast<int64_t>(memory_.size()); }
  // Fills `buffer` as far as the content goes.
  absl::StatusOr<size_t> ReadAt(int64_t offset, char* buffer, size_t size) const;
  // Takes everything out of a buffer that never needed its file; FAILED_PRECONDITION otherwise.
  absl::StatusOr<std::string> TakeMemory();
  bool in_memory() const { return !file_.has_value(); }

 private:
  const std::string folder_;
  const size_t memory_limit_;
  std::string memory_;
  std::optional<NamelessFile> file_;
};

}  // namespace crossmill::rpc
