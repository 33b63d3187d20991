// Repositories as contexts of BuildKit's clients: fetched as for everybody and, where the repository refuses
// that, with the header or token that the client's session has for it; over ssh with the client's agent.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/digest.h"
#include "coordinator/buildkit/solve/client_builds.h"
#include "coordinator/buildkit/solve/definitions.h"
#include "coordinator/buildkit/solve/solve_services.h"

namespace crossmill::coordinator::buildkit {

struct GitWish {
  // With its "#ref:folder" or query.
  std::string url;
  // A commit id or the beginning of one that it must mean; empty: whatever it means.
  std::string checksum;
  bool keep_git_dir = false;
  // Of ssh: the agent's name in the session, and hosts' keys in the form of ssh's file; empty: which host it
  // is is believed at this fetch.
  std::string agent = "default";
  std::string known_hosts = {};
};

// What a definition's source asks for.
GitWish WishOf(const RawSource& source);

struct GitContext {
  Digest root;
  std::string commit;
  // Of the commit, seconds since 1970; nothing: it holds no file.
  std::optional<int64_t> time;
};

// The client's own words for who it is (the secrets GIT_AUTH_HEADER.HOST, GIT_AUTH_TOKEN.HOST,
// GIT_AUTH_HEADER, GIT_AUTH_TOKEN, in this order, as BuildKit's clients give them) are asked for only after
// the repository has refused to be read without, and go to no other host, and over https only, but for this
// machine. An ssh address is read with the client's agent if it forwards one, and then with nothing of this
// machine's user. What came by either is fetched for this build alone: nobody else is given it by the URL.
// Errors are those of the fetch that was tried last, without credentials.
absl::StatusOr<GitContext> FetchGitContext(const SolveServices& services, const ClientBuild& build,
                                           const GitWish& wish, const RemoteSources::OnProgress& progress,
                                           std::stop_token stop);

// What ADD names, fetched with what the client has for it alone; nothing: the client has nothing that is
// needed, and whoever plans the build fetches it as for everybody. Errors are those of the fetch with the
// client's words.
absl::StatusOr<std::optional<GitContext>> FetchGitPrivately(const SolveServices& services,
                                                            const ClientBuild& build, const GitWish& wish,
                                                            const RemoteSources::OnProgress& progress,
                                                            std::stop_token stop);

// The host that a token for the URL is for ("git.example:8443"); empty: no token goes there. Pure.
std::string TokenHostOf(std::string_view url);

}  // namespace crossmill::coordinator::buildkit
