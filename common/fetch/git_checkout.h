// Checks out what a git reference means into a folder, with the git program.
//
// Only the commit is fetched (depth 1); where the server cannot do that, everything. Submodules are checked
// out unless the reference says otherwise. The tree depends on the commit alone: modes 0644, 0755 and links,
// no line ending is converted by anybody's settings, filters such as LFS do not run. Without .git, the ".git"
// files of submodules go too; with it, as BuildKit leaves it (a detached HEAD, the remote without
// credentials, no reflog), packed and indexed so that equal commits give equal bytes with one version of git.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "common/fetch/folder_watch.h"
#include "common/fetch/git_program.h"
#include "common/fetch/git_reference.h"

namespace crossmill::fetch {

struct GitCheckout {
  // The folder that the reference means, absolute.
  std::string folder;
  std::string commit;
  // The commit's time, seconds since 1970.
  int64_t commit_time = 0;
};

struct ResolvedGit {
  // Empty: only a fetch can tell (the beginning of a commit id).
  std::string commit;
  // Full name on the remote ("refs/tags/v1"); empty for a commit.
  std::string name;
};

// The commit that the reference means now; without network for a whole commit id. Branches come before tags
// of the same name. NOT_FOUND: the repository has no such ref; INVALID_ARGUMENT: it does not have the
// checksum; UNAVAILABLE: git cannot read the repository, with its words.
absl::StatusOr<ResolvedGit> ResolveGit(const GitReference& reference, const GitProgramOptions& options);

// `parent` exists and is empty; what is made in it is the caller's to remove. Keeping .git is possible only
// without a folder in the reference, as in BuildKit. Errors as ResolveGit; NOT_FOUND for a folder that is not
// in the commit.
absl::StatusOr<GitCheckout> CheckoutGit(const GitReference& reference, bool keep_git_dir,
                                        const std::string& parent, const GitProgramOptions& options);

// What a checkout may take on the disk with all that git needs for it, submodules too.
struct FolderLimit {
  FolderSize most;
  std::chrono::milliseconds pause = kUsualPause;
};
// The same; RESOURCE_EXHAUSTED for one that is larger: a repository of a few kilobytes can name a million
// million files. Each git process has 4 GiB of memory at most. A disk that has no room is UNAVAILABLE.
absl::StatusOr<GitCheckout> CheckoutGitWithin(const FolderLimit& limit, const GitReference& reference,
                                              bool keep_git_dir, const std::string& parent,
                                              GitProgramOptions options);

}  // namespace crossmill::fetch
