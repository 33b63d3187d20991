#include "common/blobs/parted_file.h"

#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <string>
#include <string_view>

#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill {
namespace {

// The file's last bytes: where the list begins, in hex, and what kind of file this is.
constexpr std::string_view kMark = " crossmill parts 1\n";
constexpr int64_t kFooter = 16 + static_cast<int64_t>(kMark.size());
// A layer has two entries per large file; a list beyond this is damaged.
constexpr int64_t kLongestList = 64 << 20;
// No blob is larger: sums of sizes below it cannot overflow.
constexpr int64_t kLargestBlob = int64_t{1} << 62;

template <typename Number>
bool Parse(std::string_view text, int base, Number* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number, base);
  return error == std::errc() && end == text.data() + text.size();
}

absl::Status Damaged(std::string_view what) {
  return absl::DataLossError(fmt::format("a file of parts is damaged: {}", what));
}

// "bytes SIZE" or "blob HASH SIZE".
bool ParsePart(std::string_view line, BlobPart* part) {
  const size_t space = line.rfind(' ');
  if (space == line.npos) return false;
  int64_t size = 0;
  if (!Parse(line.substr(space + 1), 10, &size) || size < 0) return false;
  if (line.substr(0, space) == "bytes") {
    part->bytes = size;
    return true;
  }
  const std::string_view blob = line.substr(0, space);
  if (!blob.starts_with("blob ") || !IsSha256Hex(blob.substr(5))) return false;
  part->blob = {std::string(blob.substr(5)), size};
  return true;
}

}  // namespace

int64_t SizeOf(absl::Span<const BlobPart> parts) {
  int64_t size = 0;
  for (const BlobPart& part : parts) size += part.size();
  return size;
}

std::vector<BlobName> NamesOf(absl::Span<const BlobPart> parts) {
  std::vector<BlobName> names;
  for (const BlobPart& part : parts) {
    if (!part.blob.empty()) names.push_back(NameOfHash(part.blob.hash));
  }
  return names;
}

absl::Status WritePartList(int fd, absl::Span<const BlobPart> parts) {
  std::string text;
  int64_t own = 0;
  for (const BlobPart& part : parts) {
    if (part.blob.empty()) {
      own += part.bytes;
      text += fmt::format("bytes {}\n", part.bytes);
    } else {
      text += fmt::format("blob {} {}\n", part.blob.hash, part.blob.size);
    }
  }
  text += fmt::format("{:016x}{}", own, kMark);
  return WriteAll(fd, text);
}

absl::StatusOr<std::vector<BlobPart>> ReadPartList(int fd) {
  struct stat info;
  if (fstat(fd, &info) != 0) return ErrnoStatus(errno, "stat");
  std::string footer(static_cast<size_t>(kFooter), '\0');
  if (info.st_size < kFooter) return Damaged("it is too short");
  ASSIGN_OR_RETURN(const size_t count, ReadAt(fd, info.st_size - kFooter, footer.data(), footer.size()));
  int64_t own = 0;
  if (count != footer.size() || !footer.ends_with(kMark) ||
      !Parse(std::string_view(footer).substr(0, 16), 16, &own)) {
    return Damaged("it does not end in a list");
  }
  const int64_t length = info.st_size - kFooter - own;
  if (own < 0 || length < 0 || length > kLongestList) return Damaged("its list has no place in it");
  std::string text(static_cast<size_t>(length), '\0');
  ASSIGN_OR_RETURN(const size_t read, ReadAt(fd, own, text.data(), text.size()));
  if (read != text.size()) return Damaged("it became shorter");
  std::vector<BlobPart> parts;
  int64_t bytes = 0;
  int64_t size = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const size_t end = rest.find('\n');
    if (end == rest.npos || !ParsePart(rest.substr(0, end), &parts.emplace_back()))
      return Damaged("its list");
    if (parts.back().size() > kLargestBlob - size) return Damaged("its list names more than any blob has");
    size += parts.back().size();
    bytes += parts.back().bytes;
    rest.remove_prefix(end + 1);
  }
  if (bytes != own) return Damaged("its list names other bytes than it has");
  return parts;
}

}  // namespace crossmill
