#include "common/base/json.h"

#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill {

absl::StatusOr<Json> ParseJson(std::string_view text) {
  // The library reports positions only through its exceptions, so they end here.
  try {
    return Json::parse(text);
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(fmt::format("not JSON: {}", Printable(error.what())));
  }
}

std::string TextMember(const Json& value, const std::string& name) {
  const auto member = value.find(name);
  return member != value.end() && member->is_string() ? member->get<std::string>() : std::string();
}

Json TextOrNull(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

std::string WriteJson(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string WriteJsonPretty(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace crossmill
