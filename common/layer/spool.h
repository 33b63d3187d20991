// A file without a name: bytes whose size must be known before they are written on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/files.h"
#include "common/layer/tar_reader.h"

namespace crossmill::layer {

// Not thread safe. The file is gone with it, also when the program is killed.
class Spool {
 public:
  // In the folder; empty: $TMPDIR, else /var/tmp (as large as disks are, /tmp may be memory).
  static absl::StatusOr<Spool> Create(const std::string& folder = "");

  int64_t size() const { return size_; }
  absl::Status Append(std::string_view bytes);
  // Some of the bytes from `offset` on; not beyond the end.
  absl::StatusOr<size_t> ReadAt(int64_t offset, char* buffer, size_t size) const;
  // A part of it, as long as it lives.
  Source Part(int64_t offset, int64_t size) const;

 private:
  explicit Spool(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
  int64_t size_ = 0;
};

}  // namespace crossmill::layer
