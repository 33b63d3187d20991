// Files by URL for BuildKit's clients: with what a client's session has for their host, else as for
// everybody.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/buildkit/solve/client_builds.h"
#include "coordinator/buildkit/solve/solve_services.h"

namespace crossmill::coordinator::buildkit {

struct FileWish {
  std::string url;
  // "sha256:..." that it must have, or empty.
  std::string checksum;
  // The name of the client's secret that is the value of the header Authorization; empty: those of the host
  // are asked for, HTTP_AUTH_TOKEN_HOST (which is sent as "Bearer TOKEN") and HTTP_AUTH_HEADER_HOST.
  std::string header_secret;
};

// What the client has a word for, fetched with that for its build alone: nobody else is given it by the URL.
// Nothing: it has none. A word goes over https only, but for this machine. INVALID_ARGUMENT: it can be no
// header, or the client does not have the secret that the wish names.
absl::StatusOr<std::optional<RemoteSources::File>> FetchFilePrivately(
    const SolveServices& services, const ClientBuild& build, const FileWish& wish,
    const RemoteSources::OnProgress& progress, const std::stop_token& stop);

// The same, and else as for everybody.
absl::StatusOr<RemoteSources::File> FetchClientFile(const SolveServices& services, const ClientBuild& build,
                                                    const FileWish& wish,
                                                    const RemoteSources::OnProgress& progress,
                                                    const std::stop_token& stop);

// The names of the secrets for the URL's host, in the order in which they count; none: no word of a client's
// goes there. Pure.
std::vector<std::string> HeaderSecretsOf(std::string_view url);

}  // namespace crossmill::coordinator::buildkit
