#include "common/layer/archive_stream.h"

#include <archive.h>
#include <archive_entry.h>

#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/status.h"

namespace crossmill::layer {
namespace {

constexpr size_t kChunk = 1 << 18;
constexpr size_t kLongestMagic = 6;

// By how it begins.
int FilterOf(std::string_view beginning) {
  using namespace std::string_view_literals;
  if (beginning.starts_with("\x1f\x8b")) return ARCHIVE_FILTER_GZIP;
  if (beginning.starts_with("BZh")) return ARCHIVE_FILTER_BZIP2;
  if (beginning.starts_with("\xfd"
                            "7zXZ\0"sv))
    return ARCHIVE_FILTER_XZ;
  if (beginning.starts_with("\x28\xb5\x2f\xfd")) return ARCHIVE_FILTER_ZSTD;
  return ARCHIVE_FILTER_NONE;
}

// libarchive does the decompression only ("raw" format): the tar inside is read by our own checked reader,
// which keeps names as bytes whatever the locale. It is told which one, because it would undo any number: a
// gzip in a gzip in a gzip, of a few kilobytes, is terabytes of nothing in between, which no limit of what
// comes out sees.
class Decompressor {
 public:
  explicit Decompressor(Source source)
      : source_(std::move(source)), buffer_(kChunk, '\0'), archive_(archive_read_new()) {
    archive_read_support_format_raw(archive_);
    archive_read_support_format_empty(archive_);
  }
  ~Decompressor() { archive_read_free(archive_); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  absl::StatusOr<size_t> Read(char* buffer, size_t size) {
    if (!opened_) RETURN_IF_ERROR(Open());
    if (ended_) return size_t{0};
    const la_ssize_t count = archive_read_data(archive_, buffer, size);
    if (count < 0) return Error();
    ended_ = count == 0 && size > 0;
    return static_cast<size_t>(count);
  }

 private:
  absl::Status Open() {
    opened_ = true;
    while (held_ < kLongestMagic) {
      ASSIGN_OR_RETURN(const size_t count, source_(buffer_.data() + held_, buffer_.size() - held_));
      if (count == 0) break;
      held_ += count;
    }
    archive_entry* entry = nullptr;
    int result = archive_read_append_filter(archive_, FilterOf({buffer_.data(), held_}));
    if (result >= ARCHIVE_WARN) result = archive_read_open(archive_, this, nullptr, &ReadSource, nullptr);
    // What cannot be read looks like an empty stream to the format of empty ones: only the error tells.
    if (result < ARCHIVE_WARN || archive_errno(archive_) != 0) return Error();
    result = archive_read_next_header(archive_, &entry);
    if (result == ARCHIVE_EOF) ended_ = true;
    return result < ARCHIVE_WARN ? Error() : absl::OkStatus();
  }

  static la_ssize_t ReadSource(archive* archive, void* self_pointer, const void** bytes) {
    auto* self = static_cast<Decompressor*>(self_pointer);
    if (self->held_ > 0) {
      *bytes = self->buffer_.data();
      return static_cast<la_ssize_t>(std::exchange(self->held_, 0));
    }
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
  // Of the beginning, which was looked at: in the buffer.
  size_t held_ = 0;
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
