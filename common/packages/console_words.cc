#include "common/packages/console_words.h"

#include <algorithm>

#include "absl/strings/str_split.h"
#include "common/base/status.h"

namespace crossmill::packages {

// Removes `prefix` from the front of `text` if it is there.
bool Consume(std::string_view* text, std::string_view prefix) {
  if (!text->starts_with(prefix)) return false;
  text->remove_prefix(prefix.size());
  return true;
}

std::string_view FirstWord(std::string_view text) { return text.substr(0, text.find_first_of(" \t")); }

// The value of "key=" in "filename=F size=N sha256=H".
std::string_view Field(std::string_view text, std::string_view key) {
  const size_t at = text.find(key);
  return at == text.npos ? std::string_view{}
                         : FirstWord(text.substr(at + key.size())).substr(0, kLongestText);
}

// Name in a requirement: "six==1.17.0", "six (from x)", "pkg[extra]>=1; marker", "pkg@ URL".
std::string_view RequirementName(std::string_view text) {
  return text.substr(0, text.find_first_of(" \t=<>!~[;@(,`':"));
}

// The version in "six==1.17.0 (from x)"; empty if it is not pinned.
std::string_view PinnedVersion(std::string_view requirement) {
  const size_t name = RequirementName(requirement).size();
  std::string_view rest = requirement.substr(name);
  if (!Consume(&rest, "==")) return {};
  return rest.substr(0, std::min(rest.find_first_of(" \t`',;()*:"), kLongestText));
}

bool IsVcsUrl(std::string_view text) {
  return text.starts_with("git+") || text.starts_with("hg+") || text.starts_with("svn+") ||
         text.starts_with("bzr+");
}

// What a repository's address says of the package's name: "#egg=NAME", else its last part.
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

// "https://127.0.0.1:9/simple, http://localhost/simple".
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

}  // namespace crossmill::packages
