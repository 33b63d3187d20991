#include "common/base/json.h"

#include "common/base/status.h"

namespace crossmill {

absl::StatusOr<Json> ParseJson(std::string_view text) {
  // The library reports positions only through its exceptions, so they end here.
  try {
    return Json::parse(text);
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(fmt::format("not JSON: {}", error.what()));
  }
}

std::string WriteJson(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string WriteJsonPretty(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace crossmill
