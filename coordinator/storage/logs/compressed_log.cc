#include "coordinator/storage/logs/compressed_log.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/base/status.h"

namespace crossmill::storage {
namespace {

constexpr size_t kFrameBytes = size_t{256} << 10;
constexpr int kLevel = 6;
// Longer than any console may be.
constexpr int64_t kLongestLog = int64_t{1} << 31;

absl::Status Damaged(const std::string& path, std::string_view what) {
  return absl::DataLossError(fmt::format("{}: {}", path, what));
}

absl::Status WriteFrames(int from, int to) {
  std::string block(kFrameBytes, '\0');
  std::string frame(ZSTD_compressBound(kFrameBytes), '\0');
  int64_t offset = 0;
  while (true) {
    size_t have = 0;
    while (have < block.size()) {
      const ssize_t got =
          pread(from, block.data() + have, block.size() - have, offset + static_cast<int64_t>(have));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return ErrnoStatus(errno, "read");
      if (got == 0) break;
      have += static_cast<size_t>(got);
    }
    if (have == 0) return absl::OkStatus();
    // With the size of the content in the frame's header.
    const size_t size = ZSTD_compress(frame.data(), frame.size(), block.data(), have, kLevel);
    if (ZSTD_isError(size)) return absl::InternalError(ZSTD_getErrorName(size));
    RETURN_IF_ERROR(WriteAll(to, std::string_view(frame).substr(0, size)));
    offset += static_cast<int64_t>(have);
  }
}

}  // namespace

absl::Status CompressLog(int fd, const std::string& path) {
  const std::string unfinished = path + ".tmp";
  const auto written = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const UniqueFd to, OpenFile(unfinished, O_WRONLY | O_CREAT | O_TRUNC, 0600));
    RETURN_IF_ERROR(WriteFrames(fd, to.get()));
    if (fsync(to.get()) != 0) return ErrnoStatus(errno, "fsync");
    if (rename(unfinished.c_str(), path.c_str()) != 0) return ErrnoStatus(errno, "rename");
    return SyncFolder(path.substr(0, path.rfind('/')));
  };
  const absl::Status status = written();
  if (!status.ok()) unlink(unfinished.c_str());
  return status.ok() ? status : Annotate(status, "compressing to " + path);
}

absl::StatusOr<std::unique_ptr<CompressedLog>> CompressedLog::Open(const std::string& path) {
  ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path, O_RDONLY));
  auto log = std::unique_ptr<CompressedLog>(new CompressedLog(std::move(fd), path));
  RETURN_IF_ERROR(log->ReadFrames());
  return log;
}

absl::Status CompressedLog::ReadFrames() {
  ASSIGN_OR_RETURN(const std::string bytes, ReadAll(fd_.get(), kLongestLog));
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const size_t compressed = ZSTD_findFrameCompressedSize(rest.data(), rest.size());
    if (ZSTD_isError(compressed)) return Damaged(path_, "a frame is cut off or damaged");
    const unsigned long long size = ZSTD_getFrameContentSize(rest.data(), rest.size());
    if (size == 0 || size > kFrameBytes) return Damaged(path_, "a frame says a size that none has");
    frames_.push_back({size_, static_cast<int64_t>(size), std::string(rest.substr(0, compressed))});
    size_ += static_cast<int64_t>(size);
    rest.remove_prefix(compressed);
  }
  return absl::OkStatus();
}

absl::Status CompressedLog::Decompress(size_t frame) {
  if (current_ == frame) return absl::OkStatus();
  const Frame& from = frames_[frame];
  content_.assign(static_cast<size_t>(from.size), '\0');
  const size_t size = ZSTD_decompress(content_.data(), content_.size(), from.bytes.data(), from.bytes.size());
  current_ = SIZE_MAX;
  if (ZSTD_isError(size) || size != content_.size()) return Damaged(path_, "a frame is damaged");
  current_ = frame;
  return absl::OkStatus();
}

absl::StatusOr<size_t> CompressedLog::ReadAt(int64_t offset, char* buffer, size_t count) {
  if (offset >= size_ || count == 0) return 0;
  const auto behind = std::upper_bound(frames_.begin(), frames_.end(), offset,
                                       [](int64_t at, const Frame& frame) { return at < frame.begin; });
  const auto frame = static_cast<size_t>(behind - frames_.begin()) - 1;
  RETURN_IF_ERROR(Decompress(frame));
  const auto at = static_cast<size_t>(offset - frames_[frame].begin);
  const size_t size = std::min(count, content_.size() - at);
  std::memcpy(buffer, content_.data() + at, size);
  return size;
}

}  // namespace crossmill::storage
