#include "common/package_archive/zip_archive.h"

#include <zlib.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "common/base/status.h"

namespace crossmill::package_archive {
namespace {

constexpr int64_t kEndSize = 22;
constexpr int64_t kMostComment = 65'535;
constexpr int64_t kMostDirectory = int64_t{32} << 20;
constexpr size_t kMostMembers = 200'000;
constexpr int64_t kDirectoryEntry = 46;
constexpr int64_t kLocalHeader = 30;
constexpr std::string_view kEndMark = "PK\5\6";
constexpr std::string_view kDirectoryMark = "PK\1\2";
constexpr std::string_view kLocalMark = "PK\3\4";

uint32_t Little(std::string_view bytes, size_t at, size_t size) {
  uint32_t number = 0;
  for (size_t i = size; i > 0; --i) number = number << 8 | static_cast<unsigned char>(bytes[at + i - 1]);
  return number;
}

absl::Status Damaged(std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("no zip archive that is read here: {}", what));
}

absl::StatusOr<std::string> Inflate(std::string_view packed, int64_t size) {
  std::string content(static_cast<size_t>(size), '\0');
  z_stream stream = {};
  // Raw: a zip has its own headers.
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return absl::InternalError("zlib does not start");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(content.data());
  stream.avail_out = static_cast<uInt>(content.size());
  const int result = inflate(&stream, Z_FINISH);
  const bool whole = result == Z_STREAM_END && stream.total_out == content.size();
  inflateEnd(&stream);
  if (!whole) return Damaged("a member's content");
  return content;
}

}  // namespace

ReadAt ReadAtOf(std::string_view bytes) {
  return [bytes](int64_t offset, int64_t size) -> absl::StatusOr<std::string> {
    const auto end = static_cast<int64_t>(bytes.size());
    if (offset < 0 || size < 0 || offset > end || size > end - offset) {
      return absl::OutOfRangeError(fmt::format("byte {} of an archive of {} bytes", offset, end));
    }
    return std::string(bytes.substr(static_cast<size_t>(offset), static_cast<size_t>(size)));
  };
}

absl::StatusOr<std::vector<ZipMember>> ListZip(const ReadAt& read, int64_t archive_size) {
  if (archive_size < kEndSize) return Damaged("it is too short");
  const int64_t tail_size = std::min(archive_size, kEndSize + kMostComment);
  ASSIGN_OR_RETURN(const std::string tail, read(archive_size - tail_size, tail_size));
  const size_t end = tail.rfind(kEndMark);
  if (end == tail.npos || tail.size() - end < static_cast<size_t>(kEndSize)) return Damaged("it has no end");
  const size_t count = Little(tail, end + 10, 2);
  const int64_t directory_size = Little(tail, end + 12, 4);
  const int64_t directory_offset = Little(tail, end + 16, 4);
  if (directory_size > kMostDirectory || count > kMostMembers)
    return absl::ResourceExhaustedError(fmt::format("a zip directory of {} bytes", directory_size));
  if (directory_offset + directory_size > archive_size) return Damaged("its directory is behind its end");
  ASSIGN_OR_RETURN(const std::string directory, read(directory_offset, directory_size));
  std::vector<ZipMember> members;
  size_t at = 0;
  for (size_t i = 0; i < count; ++i) {
    if (directory.size() - at < static_cast<size_t>(kDirectoryEntry) ||
        std::string_view(directory).substr(at, 4) != kDirectoryMark)
      return Damaged("its directory ends too early");
    const size_t name_size = Little(directory, at + 28, 2);
    const size_t more = name_size + Little(directory, at + 30, 2) + Little(directory, at + 32, 2);
    if (directory.size() - at - kDirectoryEntry < more) return Damaged("its directory ends too early");
    ZipMember member;
    // The first bit: it is encrypted, and cannot be read.
    const bool encrypted = (Little(directory, at + 8, 2) & 1) != 0;
    member.method = encrypted ? 0xffff : static_cast<uint16_t>(Little(directory, at + 10, 2));
    member.crc = Little(directory, at + 16, 4);
    member.packed_size = Little(directory, at + 20, 4);
    member.size = Little(directory, at + 24, 4);
    member.header_offset = Little(directory, at + 42, 4);
    member.name = directory.substr(at + kDirectoryEntry, name_size);
    members.push_back(std::move(member));
    at += kDirectoryEntry + more;
  }
  return members;
}

absl::StatusOr<std::string> ReadZipMember(const ReadAt& read, int64_t archive_size, const ZipMember& member,
                                          int64_t limit) {
  if (member.size > limit || member.packed_size > limit)
    return absl::ResourceExhaustedError(fmt::format("a zip member of {} bytes", member.size));
  if (member.method != 0 && member.method != Z_DEFLATED) return Damaged("a member's compression");
  if (member.header_offset + kLocalHeader > archive_size) return Damaged("a member's place");
  ASSIGN_OR_RETURN(const std::string header, read(member.header_offset, kLocalHeader));
  if (std::string_view(header).substr(0, 4) != kLocalMark) return Damaged("a member's place");
  const int64_t begin = member.header_offset + kLocalHeader + Little(header, 26, 2) + Little(header, 28, 2);
  if (begin + member.packed_size > archive_size) return Damaged("a member's place");
  ASSIGN_OR_RETURN(std::string content, read(begin, member.packed_size));
  if (member.method == Z_DEFLATED) {
    ASSIGN_OR_RETURN(content, Inflate(content, member.size));
  } else if (member.packed_size != member.size) {
    return Damaged("a member's size");
  }
  const uLong crc =
      crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size()));
  if (static_cast<uint32_t>(crc) != member.crc) return Damaged("a member's checksum");
  return content;
}

}  // namespace crossmill::package_archive
