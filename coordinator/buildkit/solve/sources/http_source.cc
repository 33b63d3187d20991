#include "coordinator/buildkit/solve/sources/http_source.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/fetch/git_reference.h"
#include "coordinator/buildkit/solve/sources/client_word.h"
#include "coordinator/buildkit/solve/sources/git_context.h"

namespace crossmill::coordinator::buildkit {
namespace {

constexpr std::string_view kFileToken = "HTTP_AUTH_TOKEN_";
constexpr std::string_view kFileHeader = "HTTP_AUTH_HEADER_";

}  // namespace

std::vector<std::string> HeaderSecretsOf(std::string_view url) {
  // Ports are not in these names.
  std::string host = TokenHostOf(url);
  if (host.starts_with('[')) {
    host = host.substr(1, host.find(']') - 1);
  } else {
    host.resize(std::min(host.size(), host.find(':')));
  }
  if (host.empty()) return {};
  return {std::string(kFileToken) + host, std::string(kFileHeader) + host};
}

absl::StatusOr<std::optional<RemoteSources::File>> FetchFilePrivately(
    const SolveServices& services, const ClientBuild& build, const FileWish& wish,
    const RemoteSources::OnProgress& progress, const std::stop_token& stop) {
  std::vector<std::string> names = HeaderSecretsOf(wish.url);
  if (!names.empty() && !wish.header_secret.empty()) names = {wish.header_secret};
  ClientWord word;
  if (!names.empty()) {
    ASSIGN_OR_RETURN(word, AskClient(services, build, names, stop));
  }
  if (word.empty() && !wish.header_secret.empty()) {
    return absl::InvalidArgumentError(fmt::format("{}: the client has no secret {}, or it may not go there",
                                                  Printable(fetch::WithoutCredentials(wish.url)),
                                                  Printable(wish.header_secret)));
  }
  if (word.empty()) return std::optional<RemoteSources::File>();
  RETURN_IF_ERROR(CheckHeader(word));
  const bool is_token = wish.header_secret.empty() && word.name().starts_with(kFileToken);
  std::string authorization = (is_token ? "Bearer " : "") + word.value();
  const AtScopeEnd wipe([&authorization] { Wipe(&authorization); });
  ASSIGN_OR_RETURN(RemoteSources::File file,
                   services.sources.FetchPrivateFile(wish.url, wish.checksum, authorization, progress, stop));
  return std::optional<RemoteSources::File>(std::move(file));
}

absl::StatusOr<RemoteSources::File> FetchClientFile(const SolveServices& services, const ClientBuild& build,
                                                    const FileWish& wish,
                                                    const RemoteSources::OnProgress& progress,
                                                    const std::stop_token& stop) {
  ASSIGN_OR_RETURN(std::optional<RemoteSources::File> file,
                   FetchFilePrivately(services, build, wish, progress, stop));
  if (file) return *std::move(file);
  return services.sources.FetchFile(wish.url, wish.checksum, progress, stop);
}

}  // namespace crossmill::coordinator::buildkit
