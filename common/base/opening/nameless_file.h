// A temporary file without a name: gone with its last descriptor, also when the program is killed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/files.h"

namespace crossmill {

// Bytes that are appended, and read from any offset. Move only. Not thread safe.
class NamelessFile {
 public:
  // Asked before so many bytes more are written; its error is Append's.
  using Admit = std::function<absl::Status(int64_t bytes)>;

  // In the folder; empty: $TMPDIR, else /var/tmp (as large as disks are; /tmp may be memory). Errors name the
  // folder. `admit` may be empty.
  static absl::StatusOr<NamelessFile> Create(const std::string& folder = "", Admit admit = nullptr);

  int64_t size() const { return size_; }
  // RESOURCE_EXHAUSTED when the disk is full; the message names the folder.
  absl::Status Append(std::string_view bytes);
  // Fills `buffer` as far as the content goes.
  absl::StatusOr<size_t> ReadAt(int64_t offset, char* buffer, size_t size) const;

 private:
  NamelessFile(UniqueFd file, std::string folder, Admit admit)
      : file_(std::move(file)), folder_(std::move(folder)), admit_(std::move(admit)) {}

  UniqueFd file_;
  std::string folder_;
  Admit admit_;
  int64_t size_ = 0;
};

}  // namespace crossmill
