// Sources of ADD that are not in the context: URLs and git repositories, told apart as Docker's builder does.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace crossmill::plan {

struct RemoteReference {
  enum Kind {
    // A path in the context.
    kPath,
    // http:// or https://.
    kFile,
    // ssh://, git://, USER@HOST:PATH, or an http(s) URL whose path ends in .git.
    kGit,
  } kind = kPath;
  // kGit, from the query: ?keep-git-dir, ?checksum= or ?commit=.
  std::optional<bool> keep_git_dir;
  std::string checksum;
};

// `known_git`: --keep-git-dir was given, so any http(s) URL means a repository. INVALID_ARGUMENT (without
// place) for a git reference whose query or fragment says something that none can.
absl::StatusOr<RemoteReference> ReadRemoteReference(std::string_view source, bool known_git);

// Last part of the URL's path: what a file is called below a folder; empty if the path has none.
std::string FileNameOfUrl(std::string_view url);

}  // namespace crossmill::plan
