// Where a Python package index is, with what opens it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace crossmill::index {

struct IndexAddress {
  // http or https, ends with a slash, without credentials: "https://index.example/simple/".
  std::string url;
  // "Basic ..." or empty. Sent to the host and port of `url` only.
  std::string authorization;

  std::string PageUrl(std::string_view project) const;
  // Headers for a request to `target`: the authorization if it is the same host and port.
  std::vector<std::pair<std::string, std::string>> HeadersFor(std::string_view target) const;
};

// From an address as pip takes it, credentials included. INVALID_ARGUMENT.
absl::StatusOr<IndexAddress> ParseIndexAddress(std::string_view text);

// The URL as people may see it: without credentials, query and fragment.
std::string ShownUrl(std::string_view url);
// The error of a request to the URL with it in that form: the record and the step's console get it.
absl::Status ShownError(const absl::Status& error, const std::string& url);
// What another status than 200 means: NOT_FOUND, PERMISSION_DENIED, UNAVAILABLE.
absl::Status ErrorOfAnswer(std::string_view url, int status);

}  // namespace crossmill::index
