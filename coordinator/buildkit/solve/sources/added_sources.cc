#include "coordinator/buildkit/solve/sources/added_sources.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "common/base/status.h"
#include "common/fetch/git_reference.h"
#include "common/plan/step_sources.h"
#include "coordinator/buildkit/solve/sources/git_context.h"
#include "coordinator/buildkit/solve/sources/http_source.h"

namespace crossmill::coordinator::buildkit {
namespace {

using Fetched = absl::StatusOr<std::optional<v1::FetchedSource>>;

class AddedSources {
 public:
  AddedSources(const SolveServices& services, ClientBuild& build, const SourceChoices& choices,
               const std::stop_token& stop)
      : services_(services), build_(build), choices_(choices), stop_(stop) {}

  // Nothing: it is fetched as for everybody.
  Fetched Fetch(const v1::CopySource& source) {
    if (!source.has_remote_file() && !source.has_remote_git()) return std::optional<v1::FetchedSource>();
    const bool is_file = source.has_remote_file();
    const auto [url, checksum] =
        is_file ? choices_.Known(source.remote_file().url(), source.remote_file().checksum())
                : choices_.Known(source.remote_git().url(), source.remote_git().checksum());
    v1::FetchedSource wanted;
    wanted.set_url(url);
    wanted.set_checksum(checksum);
    wanted.set_keep_git_dir(source.remote_git().keep_git_dir());
    if (!seen_.emplace(url, checksum, wanted.keep_git_dir()).second)
      return std::optional<v1::FetchedSource>();
    return is_file ? FetchFile(std::move(wanted)) : FetchGit(std::move(wanted));
  }

 private:
  Fetched FetchFile(v1::FetchedSource source) {
    const FileWish wish{.url = source.url(), .checksum = source.checksum(), .header_secret = {}};
    ASSIGN_OR_RETURN(const std::optional<RemoteSources::File> file,
                     FetchFilePrivately(services_, build_, wish, nullptr, stop_));
    if (!file) return std::optional<v1::FetchedSource>();
    Tell(source.url());
    ToProto(file->digest, source.mutable_file());
    source.set_name(file->name);
    source.set_time(file->mtime);
    return std::optional<v1::FetchedSource>(std::move(source));
  }

  Fetched FetchGit(v1::FetchedSource source) {
    GitWish wish;
    wish.url = source.url();
    wish.checksum = source.checksum();
    wish.keep_git_dir = source.keep_git_dir();
    ASSIGN_OR_RETURN(const std::optional<GitContext> git,
                     FetchGitPrivately(services_, build_, wish, nullptr, stop_));
    if (!git) return std::optional<v1::FetchedSource>();
    Tell(source.url());
    ToProto(git->root, source.mutable_tree());
    source.set_commit(git->commit);
    source.set_time(git->time.value_or(0));
    return std::optional<v1::FetchedSource>(std::move(source));
  }

  void Tell(const std::string& url) {
    build_.board()
        .Begin(fmt::format("[crossmill] ADD {}: read with what the client has for it",
                           fetch::WithoutCredentials(url)))
        ->End();
  }

  const SolveServices& services_;
  ClientBuild& build_;
  const SourceChoices& choices_;
  const std::stop_token& stop_;
  std::set<std::tuple<std::string, std::string, bool>> seen_;
};

}  // namespace

absl::Status FetchAdded(const SolveServices& services, ClientBuild& build, const std::vector<v1::Step>& steps,
                        const SourceChoices& choices, const std::stop_token& stop,
                        v1::BuildSubmission* submission) {
  AddedSources sources(services, build, choices, stop);
  for (const v1::Step& step : steps) {
    for (const v1::CopySource* source : plan::SourcesOf(step)) {
      Fetched fetched = sources.Fetch(*source);
      if (!fetched.ok()) return AtStep(step, fetched.status());
      if (*fetched) *submission->add_fetched_sources() = **std::move(fetched);
    }
  }
  return absl::OkStatus();
}

}  // namespace crossmill::coordinator::buildkit
