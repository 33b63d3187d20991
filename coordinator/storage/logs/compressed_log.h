// A console that is not written to any more, compressed: zstd frames one after the other (docs/formats.md,
// "logs"), each of up to 256 KiB of the file that it was, so that any place of that can be read.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/files.h"

namespace crossmill::storage {

// Writes the compressed form of an open file to `path`: whole and durable under that name, or not there.
absl::Status CompressLog(int fd, const std::string& path);

// Not thread safe.
class CompressedLog {
 public:
  // DATA_LOSS: the frames do not add up.
  static absl::StatusOr<std::unique_ptr<CompressedLog>> Open(const std::string& path);

  // Of the file that it was.
  int64_t size() const { return size_; }
  // Up to `count` bytes of it from `offset` on; 0 only at its end. DATA_LOSS for a damaged frame.
  absl::StatusOr<size_t> ReadAt(int64_t offset, char* buffer, size_t count);

 private:
  struct Frame {
    // Of its first byte, in the file that it was.
    int64_t begin = 0;
    int64_t size = 0;
    std::string bytes;
  };

  CompressedLog(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  absl::Status ReadFrames();
  absl::Status Decompress(size_t frame);

  const UniqueFd fd_;
  const std::string path_;
  // Still compressed, in memory: consoles shrink to a tenth.
  std::vector<Frame> frames_;
  int64_t size_ = 0;
  // The frame that was read last, as it was.
  size_t current_ = SIZE_MAX;
  std::string content_;
};

}  // namespace crossmill::storage
