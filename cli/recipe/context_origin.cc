#include "cli/recipe/context_origin.h"

#include <sys/utsname.h>

#include "common/base/status.h"
#include "common/fetch/git_reference.h"

namespace crossmill::cli {

std::string OriginOfFolder(std::string_view absolute_folder) {
  utsname name;
  // It fails only for a bad address.
  if (uname(&name) != 0) return std::string(absolute_folder);
  return fmt::format("{}:{}", name.nodename, absolute_folder);
}

std::string OriginOfUrl(const std::string& url) {
  const auto git = fetch::ParseGitReference(url, fetch::GitShorthand::kAllow);
  if (fetch::IsGitUrl(url, fetch::GitShorthand::kAllow) && git.ok()) {
    return fetch::WithoutCredentials(git->remote) + (git->folder.empty() ? "" : "#:" + git->folder);
  }
  return fetch::WithoutCredentials(url.substr(0, url.find_first_of("?#")));
}

}  // namespace crossmill::cli
