// Names of projects and extras.
#include "common/python/package_name.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace crossmill::python {

bool IsName(std::string_view name) {
  const auto plain = [](char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); };
  if (name.empty() || !plain(name.front()) || !plain(name.back())) return false;
  return std::all_of(name.begin(), name.end(),
                     [&](char c) { return plain(c) || c == '.' || c == '_' || c == '-'; });
}

std::string NormaliseName(std::string_view name) {
  std::string normalised;
  normalised.reserve(name.size());
  for (const char c : name) {
    if (c != '-' && c != '_' && c != '.') {
      normalised.push_back(absl::ascii_tolower(static_cast<unsigned char>(c)));
    } else if (normalised.empty() || normalised.back() != '-') {
      normalised.push_back('-');
    }
  }
  return normalised;
}

}  // namespace crossmill::python
