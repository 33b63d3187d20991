// Members of a zip archive that is read at places: of a file, or of one that a server gives in ranges.
// Foreign bytes: sizes and numbers are bounded. Without encryption, several disks and ZIP64, which wheels do
// not need.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace crossmill::package_archive {

// Exactly `size` bytes from `offset` on; its errors come back as they are.
using ReadAt = std::function<absl::StatusOr<std::string>(int64_t offset, int64_t size)>;

// Over bytes that outlive it; OUT_OF_RANGE behind their end.
ReadAt ReadAtOf(std::string_view bytes);

struct ZipMember {
  std::string name;
  // 0: stored, 8: deflated.
  uint16_t method = 0;
  uint32_t crc = 0;
  int64_t packed_size = 0;
  int64_t size = 0;
  int64_t header_offset = 0;
};

// All members, in the order of the archive's directory. INVALID_ARGUMENT: it is no zip archive that is read
// here; RESOURCE_EXHAUSTED: its directory has more than 32 MiB or 200,000 members.
absl::StatusOr<std::vector<ZipMember>> ListZip(const ReadAt& read, int64_t archive_size);

// The content of one. RESOURCE_EXHAUSTED: it is, or turns out to be, larger than `limit`; INVALID_ARGUMENT:
// it is damaged.
absl::StatusOr<std::string> ReadZipMember(const ReadAt& read, int64_t archive_size, const ZipMember& member,
                                          int64_t limit);

}  // namespace crossmill::package_archive
