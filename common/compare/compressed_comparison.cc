// Compressed streams: gzip's header (RFC 1952), then what any of them unpacks to.
#include <archive.h>
#include <archive_entry.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/compare/formats.h"

namespace crossmill::compare {
namespace {

uint32_t LittleEndian32(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i)
    value |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
  return value;
}

// The original file name that gzip keeps (FNAME); empty: none, or behind fields that are not read.
std::string_view GzipName(std::string_view bytes) {
  constexpr unsigned char kExtra = 4, kName = 8;
  const auto flags = static_cast<unsigned char>(bytes[3]);
  if ((flags & kName) == 0 || (flags & kExtra) != 0) return "";
  const size_t end = bytes.find('\0', 10);
  return end == std::string_view::npos ? "" : bytes.substr(10, end - 10);
}

void CompareGzipHeaders(std::string_view first, std::string_view second, Differences* differences) {
  if (first.substr(4, 4) != second.substr(4, 4)) {
    differences->AddOf("gzip-header", "time in the gzip header", absl::StrCat(LittleEndian32(first, 4)),
                       absl::StrCat(LittleEndian32(second, 4)), 4, 4);
  }
  if (GzipName(first) != GzipName(second)) {
    differences->AddOf("gzip-header", "name in the gzip header", GzipName(first), GzipName(second), 10, 10);
  }
  // The level shows in what is compressed, too, which is told then.
  const size_t ours = 10 + (GzipName(first).empty() ? 0 : GzipName(first).size() + 1);
  const size_t theirs = 10 + (GzipName(second).empty() ? 0 : GzipName(second).size() + 1);
  if (first.substr(8, 2) != second.substr(8, 2) && first.substr(ours) == second.substr(theirs)) {
    differences->AddOf("gzip-header", "compression level and system in the gzip header", first.substr(8, 2),
                       second.substr(8, 2), 8, 8);
  }
}

struct FreeReader {
  void operator()(archive* reader) const { archive_read_free(reader); }
};

int FilterOf(std::string_view format) {
  if (format == "gzip") return ARCHIVE_FILTER_GZIP;
  if (format == "xz") return ARCHIVE_FILTER_XZ;
  return format == "zstd" ? ARCHIVE_FILTER_ZSTD : ARCHIVE_FILTER_BZIP2;
}

// One layer of compression: what is within is compared as a part of its own.
absl::StatusOr<std::string> Unpack(std::string_view format, std::string_view bytes,
                                   Differences* differences) {
  const std::unique_ptr<archive, FreeReader> reader(archive_read_new());
  const auto damaged = [&] {
    const char* why = archive_error_string(reader.get());
    return absl::InvalidArgumentError(why == nullptr ? "it cannot be unpacked" : why);
  };
  archive_entry* entry = nullptr;
  if (archive_read_support_format_raw(reader.get()) != ARCHIVE_OK ||
      archive_read_append_filter(reader.get(), FilterOf(format)) < ARCHIVE_WARN ||
      archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) {
    return damaged();
  }
  const int next = archive_read_next_header(reader.get(), &entry);
  if (next == ARCHIVE_EOF) return std::string();
  if (next != ARCHIVE_OK) return damaged();
  std::string text;
  char buffer[1 << 16];
  while (true) {
    const la_ssize_t count = archive_read_data(reader.get(), buffer, sizeof(buffer));
    if (count < 0) return damaged();
    if (count == 0) return text;
    RETURN_IF_ERROR(differences->Spend(count));
    if (static_cast<int64_t>(text.size()) + count > differences->limits().member_bytes) {
      return absl::ResourceExhaustedError("it unpacks to more than is compared");
    }
    text.append(buffer, static_cast<size_t>(count));
  }
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
  ASSIGN_OR_RETURN(const std::string ours, Unpack(format, first, differences));
  ASSIGN_OR_RETURN(const std::string theirs, Unpack(format, second, differences));
  const bool gzip = format == "gzip";
  if (gzip) CompareGzipHeaders(first, second, differences);
  if (ours != theirs) {
    const Differences::Part part(*differences, std::string(format));
    return compare_part("", ours, theirs);
  }
  // The same inside: another compressor or level, unless the header is all.
  const size_t header = gzip ? 10 + (GzipName(first).empty() ? 0 : GzipName(first).size() + 1) : 0;
  const size_t other_header = gzip ? 10 + (GzipName(second).empty() ? 0 : GzipName(second).size() + 1) : 0;
  if (first.substr(header) != second.substr(other_header)) {
    differences->AddOf("compressor", absl::StrCat("compressed form of the same ", ours.size(), " bytes"),
                       absl::StrCat(first.size(), " bytes"), absl::StrCat(second.size(), " bytes"));
  }
  return absl::OkStatus();
}

}  // namespace crossmill::compare
