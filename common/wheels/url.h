// Addresses as index pages have them (RFC 3986): resolved against the page's, taken apart as far as a file
// needs it.
#pragma once

#include <string>
#include <string_view>

namespace crossmill::python {

struct UrlParts {
  // Lower case; empty for a relative reference.
  std::string scheme;
  bool has_authority = false;
  std::string authority;
  std::string path;
  bool has_query = false;
  std::string query;
  bool has_fragment = false;
  std::string fragment;
};

// Any text has parts; what is not a URL is a path.
UrlParts SplitUrl(std::string_view url);
std::string JoinUrl(const UrlParts& parts);

// RFC 3986, section 5.2: `reference` as seen from `base`, with "." and ".." resolved.
std::string ResolveUrl(std::string_view base, std::string_view reference);

// http or https, with a host, without blanks and control characters.
bool IsHttpUrl(std::string_view url);

// The last part of the path, decoded: the name of the file that is there.
std::string UrlFileName(std::string_view url);

}  // namespace crossmill::python
