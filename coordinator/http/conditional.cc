#include "coordinator/http/conditional.h"

#include <algorithm>

#include "common/base/digest.h"
#include "common/base/text.h"

namespace crossmill::coordinator::door {

std::string EtagOf(std::string_view body) { return '"' + Sha256Hex(body).substr(0, 32) + '"'; }

bool MatchesEtag(std::string_view if_none_match, std::string_view etag) {
  if (Trim(if_none_match) == "*") return true;
  while (!if_none_match.empty()) {
    const size_t end = std::min(if_none_match.find(','), if_none_match.size());
    std::string_view given = Trim(if_none_match.substr(0, end));
    if_none_match.remove_prefix(std::min(end + 1, if_none_match.size()));
    if (given.starts_with("W/")) given.remove_prefix(2);
    if (given == etag) return true;
  }
  return false;
}

Response Conditional(Response response, std::string_view if_none_match, std::string_view cache_control) {
  const std::string etag = EtagOf(response.body);
  std::erase_if(response.fields, [](const auto& field) { return field.first == "Cache-Control"; });
  response.Set("Cache-Control", std::string(cache_control));
  response.Set("ETag", etag);
  // Others may see something else at the same place.
  response.Set("Vary", "Authorization, Cookie");
  if (!if_none_match.empty() && MatchesEtag(if_none_match, etag)) {
    response.status = 304;
    response.body.clear();
  }
  return response;
}

}  // namespace crossmill::coordinator::door
