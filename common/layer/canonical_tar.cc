#include "common/layer/canonical_tar.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "common/base/status.h"
#include "common/layer/ustar.h"

namespace crossmill::layer {
namespace {

using ustar::kBlock;

constexpr size_t kWriteBuffer = 256 << 10;
// Fixed, so that it carries nothing of the writer (GNU tar puts its process id there).
constexpr std::string_view kPaxName = "././@PaxHeader";

char TypeFlag(EntryType type) {
  switch (type) {
    case EntryType::kFile:
      return '0';
    case EntryType::kHardLink:
      return '1';
    case EntryType::kSymlink:
      return '2';
    case EntryType::kCharDevice:
      return '3';
    case EntryType::kBlockDevice:
      return '4';
    case EntryType::kDirectory:
      return '5';
    case EntryType::kFifo:
      return '6';
  }
  return '0';
}

// "LENGTH KEY=VALUE\n", where LENGTH counts itself.
std::string PaxRecord(std::string_view key, std::string_view value) {
  const size_t rest = key.size() + value.size() + 3;
  size_t length = rest + std::to_string(rest).size();
  length = rest + std::to_string(length).size();
  return fmt::format("{} {}={}\n", length, key, value);
}

// A header under construction: what does not fit its fields is collected as pax records.
class Header {
 public:
  explicit Header(char type) {
    block_[ustar::kType] = type;
    std::memcpy(&block_[ustar::kMagic.position], ustar::kMagicUstar.data(), ustar::kMagicUstar.size());
  }

  void Number(ustar::Field field, int64_t value, const char* pax_key) {
    if (value > ustar::MaxOctal(field)) {
      records_.emplace(pax_key, std::to_string(value));
      value = 0;
    }
    ustar::PutOctal(block_.data(), field, value);
  }

  void Path(std::string_view path) {
    if (path.size() <= ustar::kName.length) return Text(ustar::kName, path);
    // The last slash (but not a directory's final one) that leaves a prefix which fits.
    const size_t slash = path.substr(0, std::min(path.size() - 1, ustar::kPrefix.length + 1)).rfind('/');
    if (slash != std::string_view::npos && path.size() - slash - 1 <= ustar::kName.length) {
      Text(ustar::kPrefix, path.substr(0, slash));
      return Text(ustar::kName, path.substr(slash + 1));
    }
    records_.emplace("path", path);
    Text(ustar::kName, path);
  }

  void Link(std::string_view link) {
    if (link.size() > ustar::kLink.length) records_.emplace("linkpath", link);
    Text(ustar::kLink, link);
  }

  void Xattr(const std::string& name, const std::string& value) {
    records_.emplace("SCHILY.xattr." + name, value);
  }

  // The extended header's content; empty if none is needed.
  std::string PaxContent() const {
    std::string content;
    for (const auto& [key, value] : records_) content += PaxRecord(key, value);
    return content;
  }

  // The finished block.
  std::string_view Block() {
    // Six digits, a NUL and a space, as every tar program writes it.
    ustar::PutOctal(block_.data(), {ustar::kChecksum.position, 7},
                    ustar::ChecksumOf(block_.data()).as_unsigned);
    block_[ustar::kChecksum.position + 7] = ' ';
    return {block_.data(), block_.size()};
  }

 private:
  void Text(ustar::Field field, std::string_view text) { text.copy(&block_[field.position], field.length); }

  std::array<char, kBlock> block_{};
  std::map<std::string, std::string> records_;
};

Header HeaderOf(const TarEntry& entry) {
  Header header(TypeFlag(entry.type));
  header.Path(entry.type == EntryType::kDirectory ? entry.path + "/" : entry.path);
  header.Link(entry.link);
  header.Number(ustar::kMode, entry.mode, "mode");
  header.Number(ustar::kUid, entry.uid, "uid");
  header.Number(ustar::kGid, entry.gid, "gid");
  header.Number(ustar::kSize, entry.size, "size");
  header.Number(ustar::kMtime, entry.mtime, "mtime");
  header.Number(ustar::kDevMajor, entry.dev_major, "major");
  header.Number(ustar::kDevMinor, entry.dev_minor, "minor");
  for (const auto& [name, value] : entry.xattrs) header.Xattr(name, value);
  return header;
}

Header PaxHeaderOf(size_t content_size) {
  Header header('x');
  header.Path(kPaxName);
  header.Number(ustar::kMode, 0644, "mode");
  header.Number(ustar::kUid, 0, "uid");
  header.Number(ustar::kGid, 0, "gid");
  header.Number(ustar::kSize, static_cast<int64_t>(content_size), "size");
  header.Number(ustar::kMtime, 0, "mtime");
  header.Number(ustar::kDevMajor, 0, "major");
  header.Number(ustar::kDevMinor, 0, "minor");
  return header;
}

}  // namespace

int64_t PaddedBytes(int64_t content) {
  constexpr int64_t kBlockBytes = kBlock;
  return (content + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
}

int64_t HeaderBytes(const TarEntry& entry) {
  constexpr int64_t kBlockBytes = kBlock;
  const std::string pax = HeaderOf(entry).PaxContent();
  return pax.empty() ? kBlockBytes : 2 * kBlockBytes + PaddedBytes(static_cast<int64_t>(pax.size()));
}

CanonicalTarWriter::CanonicalTarWriter(Sink sink) : sink_(std::move(sink)) { buffer_.reserve(kWriteBuffer); }

CanonicalTarWriter::CanonicalTarWriter(BlobWriter& blob)
    : CanonicalTarWriter([&blob](std::string_view bytes) { return blob.Write(bytes); }) {
  blob_ = &blob;
}

absl::Status CanonicalTarWriter::CheckOrder(const TarEntry& entry) const {
  if (previous_path_.empty()) return absl::OkStatus();
  if (ComparePaths(previous_path_, entry.path) >= 0) {
    return RefuseEntry(entry, fmt::format("does not come after '{}'", Printable(previous_path_)));
  }
  // Whatever is below a path follows it directly, so this sees every such case.
  if (!previous_is_directory_ && IsBelow(entry.path, previous_path_)) {
    return RefuseEntry(entry, fmt::format("'{}' is not a directory", Printable(previous_path_)));
  }
  return absl::OkStatus();
}

absl::Status CanonicalTarWriter::Add(const TarEntry& entry) {
  RETURN_IF_ERROR(EndEntry());
  RETURN_IF_ERROR(CheckEntry(entry));
  RETURN_IF_ERROR(CheckOrder(entry));
  Header header = HeaderOf(entry);
  if (const std::string pax = header.PaxContent(); !pax.empty()) {
    RETURN_IF_ERROR(Emit(PaxHeaderOf(pax.size()).Block()));
    RETURN_IF_ERROR(Emit(pax));
    RETURN_IF_ERROR(Pad(static_cast<int64_t>(pax.size())));
  }
  RETURN_IF_ERROR(Emit(header.Block()));
  previous_path_ = entry.path;
  previous_is_directory_ = entry.type == EntryType::kDirectory;
  missing_ = size_ = entry.size;
  return absl::OkStatus();
}

absl::Status CanonicalTarWriter::Data(std::string_view bytes) {
  if (static_cast<int64_t>(bytes.size()) > missing_) {
    return absl::InvalidArgumentError(
        fmt::format("'{}': more content than its size {}", Printable(previous_path_), size_));
  }
  missing_ -= static_cast<int64_t>(bytes.size());
  return Emit(bytes);
}

absl::Status CanonicalTarWriter::FileData(int fd) {
  if (blob_ == nullptr) return absl::FailedPreconditionError("the tar does not go to a blob");
  RETURN_IF_ERROR(EmitBuffer());
  return blob_->WriteFile(fd, 0, std::exchange(missing_, 0));
}

absl::Status CanonicalTarWriter::BlobData(const Digest& content) {
  if (blob_ == nullptr) return absl::FailedPreconditionError("the tar does not go to a blob");
  if (content.size != missing_) {
    return absl::InvalidArgumentError(fmt::format("'{}': a blob of {} bytes as content of {}",
                                                  Printable(previous_path_), content.size, missing_));
  }
  RETURN_IF_ERROR(EmitBuffer());
  RETURN_IF_ERROR(blob_->WriteBlob(content));
  missing_ = 0;
  return absl::OkStatus();
}

absl::Status CanonicalTarWriter::Finish() {
  RETURN_IF_ERROR(EndEntry());
  finished_ = true;
  const std::string zeros(2 * kBlock, '\0');
  RETURN_IF_ERROR(Emit(zeros));
  return EmitBuffer();
}

absl::Status CanonicalTarWriter::EndEntry() {
  if (finished_) return absl::FailedPreconditionError("the tar is finished");
  if (missing_ != 0) {
    return absl::InvalidArgumentError(fmt::format("'{}': {} bytes of content are missing of {}",
                                                  Printable(previous_path_), missing_, size_));
  }
  const int64_t size = std::exchange(size_, 0);
  return Pad(size);
}

absl::Status CanonicalTarWriter::EmitBuffer() {
  if (!buffer_.empty()) RETURN_IF_ERROR(sink_(buffer_));
  buffer_.clear();
  return absl::OkStatus();
}

absl::Status CanonicalTarWriter::Emit(std::string_view bytes) {
  if (buffer_.size() + bytes.size() > kWriteBuffer) {
    RETURN_IF_ERROR(EmitBuffer());
    if (bytes.size() >= kWriteBuffer) return sink_(bytes);
  }
  buffer_.append(bytes);
  return absl::OkStatus();
}

absl::Status CanonicalTarWriter::Pad(int64_t size) {
  static constexpr std::array<char, kBlock> kZeros{};
  const size_t over = static_cast<size_t>(size) % kBlock;
  return over == 0 ? absl::OkStatus() : Emit(std::string_view(kZeros.data(), kBlock - over));
}

}  // namespace crossmill::layer
