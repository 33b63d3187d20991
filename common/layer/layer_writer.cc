#include "common/layer/layer_writer.h"

#include <utility>

#include "common/base/digest.h"
#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill::layer {
namespace {

constexpr size_t kCopyBuffer = 256 << 10;
// From here on a store reads a file for itself: what that saves is more than the message it costs.
constexpr int64_t kLargeFile = 256 << 10;

}  // namespace

LayerWriter::LayerWriter(Sink tar, int64_t whiteout_time)
    : tar_(std::move(tar)), whiteout_time_(whiteout_time), buffer_(kCopyBuffer, '\0') {}

LayerWriter::LayerWriter(BlobWriter& tar, int64_t whiteout_time)
    : tar_(tar), whiteout_time_(whiteout_time), buffer_(kCopyBuffer, '\0') {}

absl::Status LayerWriter::Begin(const TarEntry& entry) {
  ManifestEntry record{entry, "", false};
  RETURN_IF_ERROR(CheckFollows(manifest_.entries, record));
  RETURN_IF_ERROR(tar_.Add(entry));
  manifest_.entries.push_back(std::move(record));
  return absl::OkStatus();
}

absl::Status LayerWriter::Add(const TarEntry& entry, const Source& content) {
  RETURN_IF_ERROR(Begin(entry));
  if (entry.type == EntryType::kFile) {
    ASSIGN_OR_RETURN(manifest_.entries.back().sha256, CopyContent(entry, content));
  }
  return absl::OkStatus();
}

absl::Status LayerWriter::AddFile(const TarEntry& entry, int fd, const Digest& known) {
  RETURN_IF_ERROR(Begin(entry));
  int64_t offset = 0;
  const Source content = [fd, &offset](char* buffer, size_t size) -> absl::StatusOr<size_t> {
    ASSIGN_OR_RETURN(const size_t count, ReadAt(fd, offset, buffer, size));
    offset += static_cast<int64_t>(count);
    return count;
  };
  std::string& sha256 = manifest_.entries.back().sha256;
  if (entry.size < kLargeFile) {
    ASSIGN_OR_RETURN(sha256, CopyContent(entry, content));
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(WriteLarge(fd, known));
  // The store may be reading the file at the same time: two processors instead of one.
  if (known.size == entry.size) {
    sha256 = known.hash;
  } else {
    ASSIGN_OR_RETURN(sha256, HashContent(entry, content));
  }
  return absl::OkStatus();
}

absl::Status LayerWriter::WriteLarge(int fd, const Digest& known) {
  if (known.size == manifest_.entries.back().entry.size) {
    const absl::Status shared = tar_.BlobData(known);
    if (!absl::IsUnimplemented(shared) && !absl::IsNotFound(shared)) return shared;
  }
  return tar_.FileData(fd);
}

absl::StatusOr<std::string> LayerWriter::CopyContent(const TarEntry& entry, const Source& content) {
  return ReadContent(entry, content, [this](std::string_view piece) { return tar_.Data(piece); });
}

absl::StatusOr<std::string> LayerWriter::HashContent(const TarEntry& entry, const Source& content) {
  return ReadContent(entry, content, [](std::string_view) { return absl::OkStatus(); });
}

absl::StatusOr<std::string> LayerWriter::ReadContent(const TarEntry& entry, const Source& content,
                                                     const Sink& sink) {
  Sha256 sha;
  int64_t done = 0;
  const auto changed = [&entry] {
    return absl::FailedPreconditionError(
        fmt::format("'{}' changed while it was read: it had {} bytes", Printable(entry.path), entry.size));
  };
  // One read more than needed, to notice a file that grew.
  while (entry.size > 0) {
    ASSIGN_OR_RETURN(const size_t count, content(buffer_.data(), buffer_.size()));
    if (count == 0) break;
    done += static_cast<int64_t>(count);
    if (done > entry.size) return changed();
    const std::string_view piece(buffer_.data(), count);
    sha.Update(piece);
    RETURN_IF_ERROR(sink(piece));
  }
  if (done != entry.size) return changed();
  return sha.Finish().hash;
}

absl::Status LayerWriter::AddWhiteout(std::string_view path) {
  RETURN_IF_ERROR(CheckPath(path));
  ManifestEntry record;
  record.entry.path = path;
  record.entry.mtime = whiteout_time_;
  record.whiteout = true;
  RETURN_IF_ERROR(CheckFollows(manifest_.entries, record));
  TarEntry entry = record.entry;
  entry.path = TarPath(record);
  RETURN_IF_ERROR(tar_.Add(entry));
  manifest_.entries.push_back(std::move(record));
  return absl::OkStatus();
}

absl::StatusOr<LayerManifest> LayerWriter::Finish() {
  RETURN_IF_ERROR(tar_.Finish());
  return std::move(manifest_);
}

}  // namespace crossmill::layer
