#include "common/layer/layer_writer.h"

#include <utility>

#include "common/base/digest.h"
#include "common/base/status.h"

namespace crossmill::layer {
namespace {

constexpr size_t kBuffer = 256 << 10;

}  // namespace

LayerWriter::LayerWriter(Sink tar, int64_t whiteout_time)
    : tar_(std::move(tar)), whiteout_time_(whiteout_time), buffer_(kBuffer, '\0') {}

absl::Status LayerWriter::Add(const TarEntry& entry, const Source& content) {
  ManifestEntry record{entry, "", false};
  RETURN_IF_ERROR(CheckFollows(manifest_.entries, record));
  RETURN_IF_ERROR(tar_.Add(entry));
  if (entry.type == EntryType::kFile) {
    ASSIGN_OR_RETURN(record.sha256, CopyContent(entry, content));
  }
  manifest_.entries.push_back(std::move(record));
  return absl::OkStatus();
}

absl::StatusOr<std::string> LayerWriter::CopyContent(const TarEntry& entry, const Source& content) {
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
    RETURN_IF_ERROR(tar_.Data(piece));
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
