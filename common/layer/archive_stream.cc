#include "common/layer/archive_stream.h"

#include <archive.h>
#include <archive_entry.h>

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "common/base/status.h"

namespace crossmill::layer {
namespace {

constexpr size_t kChunk = 1 << 18;

// libarchive does the decompression only ("raw" format): the tar inside is read by our own checked reader,
// which keeps names as bytes whatever the locale.
class Decompressor {
 public:
  explicit Decompressor(Source source)
      : source_(std::move(source)), buffer_(kChunk, '\0'), archive_(archive_read_new()) {
    archive_read_support_filter_gzip(archive_);
    archive_read_support_filter_bzip2(archive_);
    archive_read_support_filter_xz(archive_);
    archive_read_support_filter_zstd(archive_);
    archive_read_support_format_raw(archive_);
    archive_read_support_format_empty(archive_);
  }
  ~Decompressor() { archive_read_free(archive_); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  absl::StatusOr<size_t> Read(char* buffer, size_t size) {
    if (!opened_) {
      opened_ = true;
      archive_entry* entry = nullptr;
      int result = archive_read_open(archive_, this, nullptr, &ReadSource, nullptr);
      if (result == ARCHIVE_OK) result = archive_read_next_header(archive_, &entry);
      if (result == ARCHIVE_EOF) ended_ = true;
      if (result < ARCHIVE_WARN) return Error();
    }
    if (ended_) return size_t{0};
    const la_ssize_t count = archive_read_data(archive_, buffer, size);
    if (count < 0) return Error();
    ended_ = count == 0 && size > 0;
    return static_cast<size_t>(count);
  }

 private:
  static la_ssize_t ReadSource(archive* archive, void* self_pointer, const void** bytes) {
    auto* self = static_cast<Decompressor*>(self_pointer);
    auto count = self->source_(self->buffer_.data(), self->buffer_.size());
    if (!count.ok()) {
      self->source_status_ = count.status();
      archive_set_error(archive, EIO, "reading the archive");
      return -1;
    }
    *bytes = self->buffer_.data();
    return static_cast<la_ssize_t>(*count);
  }

  absl::Status Error() {
    if (!source_status_.ok()) return source_status_;
    const char* text = archive_error_string(archive_);
    return absl::InvalidArgumentError(
        fmt::format("the archive is damaged: {}", text != nullptr ? text : "unknown error"));
  }

  Source source_;
  std::string buffer_;
  archive* archive_;
  absl::Status source_status_;
  bool opened_ = false;
  bool ended_ = false;
};

}  // namespace

Source AnyDecompressed(Source compressed) {
  auto decompressor = std::make_shared<Decompressor>(std::move(compressed));
  return [decompressor](char* buffer, size_t size) { return decompressor->Read(buffer, size); };
}

}  // namespace crossmill::layer
