#include "coordinator/buildkit/solve/sources/git_context.h"

#include <utility>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/base/wiping.h"
#include "common/rpc/channel.h"
#include "coordinator/buildkit/session/agent_socket.h"
#include "coordinator/buildkit/session/client_agents.h"
#include "coordinator/buildkit/solve/sources/client_word.h"
#include "coordinator/submissions/context_files.h"

namespace crossmill::coordinator::buildkit {
namespace {

constexpr std::string_view kTokenSecret = "GIT_AUTH_TOKEN";
constexpr std::string_view kHeaderSecret = "GIT_AUTH_HEADER";
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

// That of the host comes before that of all.
absl::StatusOr<ClientWord> ClientWordFor(const SolveServices& services, const ClientBuild& build,
                                         const std::string& host, const std::stop_token& stop) {
  std::vector<std::string> names;
  for (const std::string& suffix : {"." + host, std::string()}) {
    for (const std::string_view name : {kHeaderSecret, kTokenSecret})
      names.push_back(std::string(name) + suffix);
  }
  return AskClient(services, build, names, stop);
}

// The URL as git is given it: without what names a revision.
std::string RemoteOf(std::string_view url) { return std::string(url.substr(0, url.find_first_of("#?"))); }

// To which URLs a header goes: the repository's own; on github.com all, as its own programs have it.
std::string HeaderScopeOf(const std::string& remote) {
  for (const std::string_view site : {"https://github.com/", "https://www.github.com/"}) {
    if (remote.starts_with(site)) return std::string(site);
  }
  return remote;
}

absl::StatusOr<GitContext> CheckOutPrivately(const SolveServices& services, const GitWish& wish,
                                             const std::string& url, const fetch::GitAccess& access,
                                             const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const CheckedOutRepository own,
                   services.archives.CheckOut(url, wish.checksum, wish.keep_git_dir, stop, access));
  ContextFiles files;
  files.folder = own.checkout.folder;
  // Which file is the Dockerfile the caller knows.
  files.dockerfile = "";
  ASSIGN_OR_RETURN(const fetch::GitReference reference,
                   fetch::ParseGitReference(wish.url, fetch::GitShorthand::kAllow));
  files.keep_times = reference.commit_times;
  v1::Recipe taken;
  std::vector<std::string> notes;
  RETURN_IF_ERROR(TakeContext(files, services.blobs, services.clock, stop, &taken, &notes));
  return GitContext{FromProto(taken.context_root()), own.checkout.commit, own.checkout.commit_time};
}

absl::StatusOr<GitContext> FetchByWord(const SolveServices& services, const GitWish& wish,
                                       const ClientWord& word, const std::stop_token& stop) {
  std::string url = wish.url;
  fetch::GitAccess access;
  const AtScopeEnd wipe([&] {
    Wipe(&url);
    Wipe(&access.authorization);
  });
  if (word.name().starts_with(kTokenSecret)) {
    const size_t authority = wish.url.find("://") + 3;
    url = fmt::format("{}{}:{}@{}", wish.url.substr(0, authority), kTokenUser, EncodePercent(word.value()),
                      wish.url.substr(authority));
  } else {
    RETURN_IF_ERROR(CheckHeader(word));
    access.header_scope = HeaderScopeOf(RemoteOf(wish.url));
    access.authorization = word.value();
  }
  return CheckOutPrivately(services, wish, url, access, stop);
}

// NOT_FOUND: the client forwards no such agent.
absl::StatusOr<GitContext> FetchByAgent(const SolveServices& services, const ClientBuild& build,
                                        const GitWish& wish, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const std::shared_ptr<ClientSession> session, SessionOfBuild(services, build, stop));
  if (session == nullptr) return absl::NotFoundError("no session");
  ASSIGN_OR_RETURN(const std::string missing, MissingAgents(*session, {wish.agent}, stop));
  if (!missing.empty()) return absl::NotFoundError(missing);
  ASSIGN_OR_RETURN(const TemporaryFolder folder, TemporaryFolder::Create());
  ASSIGN_OR_RETURN(const std::unique_ptr<AgentSocket> agent,
                   AgentSocket::Open(session, wish.agent, folder.path()));
  fetch::GitAccess access;
  access.agent_socket = agent->path();
  access.known_hosts = folder.Path("known_hosts");
  access.believe_new_hosts = wish.known_hosts.empty();
  RETURN_IF_ERROR(WriteFileAtomic(access.known_hosts, wish.known_hosts, 0600));
  auto fetched = CheckOutPrivately(services, wish, wish.url, access, stop);
  // The client's agent is there: that is no reason to try another way.
  if (absl::IsNotFound(fetched.status())) return absl::InvalidArgumentError(fetched.status().message());
  return fetched;
}

}  // namespace

GitWish WishOf(const RawSource& source) {
  const auto attribute = [&](const char* name) {
    const auto found = source.attributes.find(name);
    return found == source.attributes.end() ? std::string() : found->second;
  };
  GitWish wish;
  wish.url = source.url;
  wish.checksum = attribute("git.checksum");
  wish.keep_git_dir = attribute("git.keepgitdir") == "true";
  if (const std::string agent = attribute("git.mountsshsock"); !agent.empty()) wish.agent = agent;
  wish.known_hosts = attribute("git.knownsshhosts");
  if (!wish.known_hosts.empty() && !wish.known_hosts.ends_with("\n")) wish.known_hosts += "\n";
  return wish;
}

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
  if (fetch::IsSshUrl(wish.url)) {
    auto fetched = FetchByAgent(services, build, wish, stop);
    if (!absl::IsNotFound(fetched.status())) return fetched;
    auto shared = FetchShared(services, wish, progress, stop);
    if (shared.ok() || absl::IsCancelled(shared.status())) return shared;
    return absl::Status(
        shared.status().code(),
        Av(fmt::format("{}; no agent of the client's was asked: {}: give it with --ssh {}",
                       Sv(shared.status().message()), Sv(fetched.status().message()), wish.agent)));
  }
  absl::StatusOr<GitContext> shared = FetchShared(services, wish, progress, stop);
  const std::string host = TokenHostOf(wish.url);
  if (shared.ok() || !MayBeRefused(shared.status()) || host.empty()) return shared;
  ASSIGN_OR_RETURN(const ClientWord word, ClientWordFor(services, build, host, stop));
  if (word.empty()) return shared.status();
  return FetchByWord(services, wish, word, stop);
}

absl::StatusOr<std::optional<GitContext>> FetchGitPrivately(const SolveServices& services,
                                                            const ClientBuild& build, const GitWish& wish,
                                                            const RemoteSources::OnProgress& progress,
                                                            std::stop_token stop) {
  const auto kept = [](absl::StatusOr<GitContext> fetched) -> absl::StatusOr<std::optional<GitContext>> {
    RETURN_IF_ERROR(fetched.status());
    return std::optional<GitContext>(*std::move(fetched));
  };
  if (fetch::IsSshUrl(wish.url)) {
    auto fetched = FetchByAgent(services, build, wish, stop);
    if (absl::IsNotFound(fetched.status())) return std::optional<GitContext>();
    return kept(std::move(fetched));
  }
  const std::string host = TokenHostOf(wish.url);
  if (host.empty()) return std::optional<GitContext>();
  // Most clients have no secrets at all, and a repository is then asked only by who plans.
  ASSIGN_OR_RETURN(const bool has_secrets, HasSecrets(services, build, stop));
  if (!has_secrets) return std::optional<GitContext>();
  const absl::Status shared =
      services.sources.FetchGit(wish.url, wish.checksum, wish.keep_git_dir, progress, stop).status();
  if (shared.ok() || !MayBeRefused(shared)) return std::optional<GitContext>();
  ASSIGN_OR_RETURN(const ClientWord word, ClientWordFor(services, build, host, stop));
  if (word.empty()) return std::optional<GitContext>();
  return kept(FetchByWord(services, wish, word, stop));
}

}  // namespace crossmill::coordinator::buildkit
