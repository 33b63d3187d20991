#include "common/layer/file_part.h"

#include <algorithm>

#include "common/base/status.h"

namespace crossmill::layer {

Source PartOf(const NamelessFile& file, int64_t offset, int64_t size) {
  return [&file, offset, left = size](char* buffer, size_t room) mutable -> absl::StatusOr<size_t> {
    const size_t wanted = std::min<size_t>(room, static_cast<size_t>(left));
    if (wanted == 0) return size_t{0};
    ASSIGN_OR_RETURN(const size_t count, file.ReadAt(offset, buffer, wanted));
    if (count == 0) return absl::DataLossError("a temporary file is shorter than it was");
    offset += static_cast<int64_t>(count);
    left -= static_cast<int64_t>(count);
    return count;
  };
}

}  // namespace crossmill::layer
