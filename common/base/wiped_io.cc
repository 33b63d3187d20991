#include "common/base/wiped_io.h"

#include <memory>

#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill {

absl::StatusOr<WipedBytes> ReadAllWiped(int fd, int64_t limit) {
  // One more than the limit, to see that there is more.
  WipedBytes content(static_cast<size_t>(limit) + 1);
  ASSIGN_OR_RETURN(const size_t count, ReadSome(fd, content.data(), content.size()));
  if (static_cast<int64_t>(count) > limit) {
    return absl::ResourceExhaustedError(fmt::format("more than {} bytes", limit));
  }
  content.resize(count);
  return content;
}

WipedBytes WriteJsonWiped(const Json& value) {
  WipedBytes text;
  nlohmann::detail::serializer<Json> serializer(
      std::make_shared<nlohmann::detail::output_vector_adapter<char, WipingAllocator<char>>>(text), ' ',
      Json::error_handler_t::replace);
  serializer.dump(value, false, false, 0);
  return text;
}

}  // namespace crossmill
