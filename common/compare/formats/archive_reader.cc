#include "common/compare/formats/archive_reader.h"

#include "common/base/status.h"

namespace crossmill::compare {

absl::Status Damaged(archive* reader) {
  const char* why = archive_error_string(reader);
  return absl::InvalidArgumentError(why == nullptr ? "it cannot be read" : why);
}

absl::StatusOr<std::string> ReadData(archive* reader, Differences* differences) {
  std::string data;
  char buffer[1 << 16];
  while (true) {
    const la_ssize_t count = archive_read_data(reader, buffer, sizeof(buffer));
    if (count < 0) return Damaged(reader);
    if (count == 0) return data;
    RETURN_IF_ERROR(differences->Spend(count));
    if (static_cast<int64_t>(data.size()) + count > differences->limits().member_bytes) {
      return absl::ResourceExhaustedError("a member is larger than what is compared");
    }
    data.append(buffer, static_cast<size_t>(count));
  }
}

}  // namespace crossmill::compare
