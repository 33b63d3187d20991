#include "coordinator/buildkit/solve/git_context.h"

#include <utility>

#include "common/base/status.h"
#include "common/base/text.h"
#include "common/base/wiping.h"
#include "common/rpc/channel.h"
#include "coordinator/buildkit/session/client_secrets.h"
#include "coordinator/submissions/context_files.h"

namespace crossmill::coordinator::buildkit {
namespace {

constexpr std::string_view kTokenSecret = "GIT_AUTH_TOKEN";
// Who holds such a token, in the words of those who give them out.
constexpr std::string_view kTokenUser = "x-access-token";

absl::StatusOr<GitContext> FetchShared(const SolveServices& services, const GitWish& wish,
                                       const RemoteSources::OnProgress& progress,
                                       const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const RemoteSources::Tree tree,
                   services.sources.FetchGit(wish.url, wish.checksum, wish.keep_git_dir, progress, stop));
  GitContext context{tree.root, tree.commit, std::nullopt};
  ASSIGN_OR_RETURN(context.time, services.sources.CommitTime(wish.url, wish.checksum, progress, stop));
  return context;
}

// Whether somebody with a token may be told more.
bool MayBeRefused(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsNotFound(status) || absl::IsPermissionDenied(status);
}

// The token for the host; empty: the client has none. That of the host comes before that of all.
absl::StatusOr<std::string> ClientTokenFor(const SolveServices& services, const ClientBuild& build,
                                           const std::string& host, const std::stop_token& stop) {
  const auto session =
      services.sessions.Wait(build.request().session(), build.caller().key, kSessionPatience, stop);
  // A client without a session has no secrets.
  if (absl::IsNotFound(session.status())) return "";
  RETURN_IF_ERROR(session.status());
  for (const std::string& id : {fmt::format("{}.{}", kTokenSecret, host), std::string(kTokenSecret)}) {
    ASSIGN_OR_RETURN(WipedSecrets<v1::Secret> secrets, ReadClientSecrets(**session, {id}, stop));
    if (!secrets.empty() && !secrets[0].value().empty()) return std::move(*secrets[0].mutable_value());
  }
  return "";
}

}  // namespace

std::string TokenHostOf(std::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return "";
  const bool encrypted = url.substr(0, scheme) == "https";
  if (!encrypted && url.substr(0, scheme) != "http") return "";
  std::string_view host = url.substr(scheme + 3);
  host = host.substr(0, host.find_first_of("/?#"));
  // Credentials of its own are what counts.
  if (host.empty() || host.find('@') != std::string_view::npos) return "";
  return encrypted || rpc::IsLoopback(host) ? std::string(host) : "";
}

absl::StatusOr<GitContext> FetchGitContext(const SolveServices& services, const ClientBuild& build,
                                           const GitWish& wish, const RemoteSources::OnProgress& progress,
                                           std::stop_token stop) {
  absl::StatusOr<GitContext> shared = FetchShared(services, wish, progress, stop);
  const std::string host = TokenHostOf(wish.url);
  if (shared.ok() || !MayBeRefused(shared.status()) || host.empty()) return shared;
  ASSIGN_OR_RETURN(std::string token, ClientTokenFor(services, build, host, stop));
  if (token.empty()) return shared.status();
  const size_t authority = wish.url.find("://") + 3;
  std::string url = fmt::format("{}{}:{}@{}", wish.url.substr(0, authority), kTokenUser, EncodePercent(token),
                                wish.url.substr(authority));
  Wipe(&token);
  auto own = services.archives.CheckOut(url, wish.checksum, wish.keep_git_dir, stop);
  Wipe(&url);
  RETURN_IF_ERROR(own.status());
  ContextFiles files;
  files.folder = own->checkout.folder;
  // Which file is the Dockerfile the caller knows.
  files.dockerfile = "";
  v1::Recipe taken;
  std::vector<std::string> notes;
  RETURN_IF_ERROR(TakeContext(files, services.blobs, services.clock, stop, &taken, &notes));
  return GitContext{FromProto(taken.context_root()), own->checkout.commit, own->checkout.commit_time};
}

}  // namespace crossmill::coordinator::buildkit
