// Compressed streams: gzip's header (RFC 1952), then what any of them unpacks to.
#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/compare/formats/archive_reader.h"
#include "common/compare/formats/byte_numbers.h"
#include "common/compare/formats/formats.h"

namespace crossmill::compare {
namespace {

// The original file name that gzip keeps (FNAME); empty: none, or behind fields that are not read.
std::string_view GzipName(std::string_view bytes) {
  constexpr unsigned char kExtra = 4, kName = 8;
  const auto flags = static_cast<unsigned char>(bytes[3]);
  if ((flags & kName) == 0 || (flags & kExtra) != 0) return "";
  const size_t end = bytes.find('\0', 10);
  return end == std::string_view::npos ? "" : bytes.substr(10, end - 10);
}

size_t GzipHeaderBytes(std::string_view bytes) {
  const std::string_view name = GzipName(bytes);
  return 10 + (name.empty() ? 0 : name.size() + 1);
}

void CompareGzipHeaders(std::string_view first, std::string_view second, Differences* differences) {
  if (first.substr(4, 4) != second.substr(4, 4)) {
    differences->AddOf("gzip-header", "time in the gzip header", absl::StrCat(NumberAt(first, 4, 4, true)),
                       absl::StrCat(NumberAt(second, 4, 4, true)), 4, 4);
  }
  if (GzipName(first) != GzipName(second)) {
    differences->AddOf("gzip-header", "name in the gzip header", GzipName(first), GzipName(second), 10, 10);
  }
  // The level shows in what is compressed, too, which is told then.
  if (first.substr(8, 2) != second.substr(8, 2) &&
      first.substr(GzipHeaderBytes(first)) == second.substr(GzipHeaderBytes(second))) {
    differences->AddOf("gzip-header", "compression level and system in the gzip header", first.substr(8, 2),
                       second.substr(8, 2), 8, 8);
  }
}

int FilterOf(std::string_view format) {
  if (format == "gzip") return ARCHIVE_FILTER_GZIP;
  if (format == "xz") return ARCHIVE_FILTER_XZ;
  return format == "zstd" ? ARCHIVE_FILTER_ZSTD : ARCHIVE_FILTER_BZIP2;
}

struct Unpacked {
  std::string text;
  // Of the compressed bytes; what stands behind is no part of the stream, and programs pass over it.
  size_t stream_size = 0;
};

// One layer of compression: what is within is compared as a part of its own.
absl::StatusOr<Unpacked> Unpack(std::string_view format, std::string_view bytes, Differences* differences) {
  const ArchiveReader reader(archive_read_new());
  // Nothing is a format of its own there.
  if (archive_read_support_format_raw(reader.get()) != ARCHIVE_OK ||
      archive_read_support_format_empty(reader.get()) != ARCHIVE_OK ||
      archive_read_append_filter(reader.get(), FilterOf(format)) < ARCHIVE_WARN ||
      archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) {
    return Damaged(reader.get());
  }
  archive_entry* entry = nullptr;
  const int next = archive_read_next_header(reader.get(), &entry);
  if (next != ARCHIVE_OK && next != ARCHIVE_EOF) return Damaged(reader.get());
  Unpacked unpacked;
  if (next == ARCHIVE_OK) {
    ASSIGN_OR_RETURN(unpacked.text, ReadData(reader.get(), differences));
  }
  const auto consumed = static_cast<size_t>(std::max<la_int64_t>(archive_filter_bytes(reader.get(), -1), 0));
  unpacked.stream_size = std::min(consumed, bytes.size());
  return unpacked;
}

}  // namespace

bool IsGzip(std::string_view bytes) { return bytes.size() >= 18 && bytes.starts_with("\x1f\x8b\x08"); }

std::string_view CompressionOf(std::string_view bytes) {
  if (IsGzip(bytes)) return "gzip";
  if (bytes.starts_with(std::string_view("\xfd"
                                         "7zXZ\0",
                                         6))) {
    return "xz";
  }
  if (bytes.starts_with("\x28\xb5\x2f\xfd")) return "zstd";
  return bytes.size() > 4 && bytes.starts_with("BZh") && bytes[3] >= '1' && bytes[3] <= '9' ? "bzip2" : "";
}

absl::Status CompareCompressed(std::string_view format, std::string_view first, std::string_view second,
                               const ComparePart& compare_part, Differences* differences) {
  ASSIGN_OR_RETURN(const Unpacked ours, Unpack(format, first, differences));
  ASSIGN_OR_RETURN(const Unpacked theirs, Unpack(format, second, differences));
  const bool gzip = format == "gzip";
  const size_t header = gzip ? GzipHeaderBytes(first) : 0, other_header = gzip ? GzipHeaderBytes(second) : 0;
  const std::string_view stream = first.substr(0, std::max(ours.stream_size, header));
  const std::string_view other = second.substr(0, std::max(theirs.stream_size, other_header));
  if (gzip) CompareGzipHeaders(first, second, differences);
  if (ours.text != theirs.text) {
    const Differences::Part part(*differences, std::string(format));
    RETURN_IF_ERROR(compare_part("", ours.text, theirs.text));
  } else if (stream.substr(header) != other.substr(other_header)) {
    // The same inside: another compressor or level, unless the header is all.
    differences->AddOf("compressor", absl::StrCat("compressed form of the same ", ours.text.size(), " bytes"),
                       absl::StrCat(stream.size(), " bytes"), absl::StrCat(other.size(), " bytes"));
  }
  const std::string_view behind = first.substr(stream.size());
  const std::string_view other_behind = second.substr(other.size());
  if (behind == other_behind) return absl::OkStatus();
  const Differences::Part part(*differences, absl::StrCat("bytes behind the ", Av(format), " stream"));
  return compare_part("", behind, other_behind);
}

}  // namespace crossmill::compare
