#include "coordinator/core/requirement_text.h"

#include <algorithm>

#include "absl/strings/str_split.h"
#include "common/base/status.h"

namespace crossmill::core {

std::string_view RequirementName(std::string_view text) {
  return text.substr(0, text.find_first_of(" \t=<>!~[;@(,`':"));
}

std::string_view PinnedVersion(std::string_view requirement) {
  const size_t name = RequirementName(requirement).size();
  std::string_view rest = requirement.substr(name);
  if (!rest.starts_with("==")) return {};
  rest.remove_prefix(2);
  return rest.substr(0, std::min(rest.find_first_of(" \t`',;()*:"), kLongestText));
}

bool IsVcsUrl(std::string_view text) {
  return text.starts_with("git+") || text.starts_with("hg+") || text.starts_with("svn+") ||
         text.starts_with("bzr+");
}

std::string_view NameOfRepository(std::string_view url) {
  if (const size_t egg = url.find("#egg="); egg != url.npos) {
    return url.substr(egg + 5, url.substr(egg + 5).find_first_of("&["));
  }
  url = url.substr(0, url.find('#'));
  while (url.ends_with('/')) url.remove_suffix(1);
  std::string_view name = url.substr(url.rfind('/') + 1);
  name = name.substr(0, name.find('@'));
  if (name.ends_with(".git")) name.remove_suffix(4);
  return name;
}

bool IsLoopback(std::string_view indexes) {
  for (const auto index : absl::StrSplit(Av(indexes), ", ")) {
    std::string_view host = Sv(index);
    const size_t scheme = host.find("://");
    if (scheme != host.npos) host.remove_prefix(scheme + 3);
    host = host.substr(0, host.find('/'));
    host = host.substr(host.rfind('@') + 1);
    if (!host.starts_with("127.") && !host.starts_with("localhost") && !host.starts_with("[::1]"))
      return false;
  }
  return true;
}

}  // namespace crossmill::core
