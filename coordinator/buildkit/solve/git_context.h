// Repositories as contexts of BuildKit's clients: fetched as for everybody and, where the repository refuses
// that, with the token that the client's session has for it.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/digest.h"
#include "coordinator/buildkit/solve/client_builds.h"
#include "coordinator/buildkit/solve/solve_services.h"

namespace crossmill::coordinator::buildkit {

struct GitWish {
  // With its "#ref:folder" or query.
  std::string url;
  // A commit id or the beginning of one that it must mean; empty: whatever it means.
  std::string checksum;
  bool keep_git_dir = false;
};

struct GitContext {
  Digest root;
  std::string commit;
  // Of the commit, seconds since 1970; nothing: it holds no file.
  std::optional<int64_t> time;
};

// The client's token (secrets GIT_AUTH_TOKEN.HOST and GIT_AUTH_TOKEN, as BuildKit's clients give them) is
// asked for only after the repository has refused to be read without, and goes to no other host, and over
// https only, but for this machine. What came with it is fetched for this build alone: nobody else is given
// it by the URL. Errors are those of the fetch that was tried last, without credentials.
absl::StatusOr<GitContext> FetchGitContext(const SolveServices& services, const ClientBuild& build,
                                           const GitWish& wish, const RemoteSources::OnProgress& progress,
                                           std::stop_token stop);

// The host that a token for the URL is for ("git.example:8443"); empty: no token goes there. Pure.
std::string TokenHostOf(std::string_view url);

}  // namespace crossmill::coordinator::buildkit
