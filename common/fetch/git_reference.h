// Git URLs as Dockerfiles and `docker build` write them. Pure: text in, parts out.
//
// The rules are those of BuildKit (frontend/dockerfile/dfgitutil, util/gitutil): an http(s) URL is git when
// its path ends in ".git"; ssh:// and git:// URLs and USER@HOST:PATH always are; "github.com/..." without a
// scheme is so only as a build context. Behind "#" stand ref and folder, "#REF:FOLDER"; or the query says it:
// ref, tag, branch, subdir, checksum (or commit), submodules, keep-git-dir, mtime, fetch-by-commit.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace crossmill::fetch {

struct GitReference {
  // What the git program is given: without fragment and query.
  std::string remote;
  // Branch, tag, commit or full name ("refs/..."); empty: the remote's HEAD.
  std::string ref;
  // A commit id or its beginning, which the ref must mean; empty: whatever it means.
  std::string checksum;
  // Folder in the repository, cleaned: no "." or "..", no leading slash; empty: all of it.
  std::string folder;
  // Unset: the default (submodules are checked out, .git is left out).
  std::optional<bool> submodules;
  std::optional<bool> keep_git_dir;
  // mtime=commit: files get the commit's time.
  bool commit_times = false;
  // http:// and git://.
  bool unencrypted = false;
};

enum class GitShorthand {
  // "github.com/owner/repository" is a local path: COPY, ADD.
  kRefuse,
  // It is https://github.com/...: build contexts.
  kAllow,
};

// True if the text is a git URL by its form. What ParseGitReference then says may still be an error.
bool IsGitUrl(std::string_view text, GitShorthand shorthand = GitShorthand::kRefuse);

// True for a git URL that is reached by ssh: "ssh://..." and "git@host:path".
bool IsSshUrl(std::string_view text);

// INVALID_ARGUMENT: not a git URL, an unknown or contradictory query, a folder that leads out of the
// repository, or parts that a git program could take for options. Messages never hold credentials.
absl::StatusOr<GitReference> ParseGitReference(std::string_view text,
                                               GitShorthand shorthand = GitShorthand::kRefuse);

// True for a whole commit id: 40 or 64 lower-case hex digits.
bool IsCommitId(std::string_view text);

// INVALID_ARGUMENT unless the reference is safe to give to the git program: also for references made by hand.
absl::Status CheckGitReference(const GitReference& reference);

// `text` with user names and passwords of the URLs in it taken out: "https://x:y@host" -> "https://***@host".
std::string WithoutCredentials(std::string_view text);

// Where a context came from, for the record (Recipe.context_origin): a git URL without credentials and
// without what names a revision; another URL without credentials, query and fragment.
std::string OriginOfUrl(std::string_view url);

}  // namespace crossmill::fetch
