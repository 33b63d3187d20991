#include "cli/pipeline/commit_status.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "absl/strings/str_replace.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/base/utf8.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

constexpr size_t kLongestDescription = 140;
constexpr size_t kLongestAnswer = 64 << 10;
constexpr int kTries = 3;

class VariableReader {
 public:
  explicit VariableReader(const StatusVariables& variable) : variable_(variable) {}

  std::string Or(const std::string& name, std::string fallback = "") const {
    const std::optional<std::string> value = variable_(name);
    return value && !value->empty() ? *value : fallback;
  }
  absl::StatusOr<std::string> Need(const std::string& name) const {
    std::string value = Or(name);
    if (!value.empty()) return value;
    return absl::FailedPreconditionError(fmt::format("--commit-status: the variable {} is not set", name));
  }
  // CROSSMILL_STATUS_TOKEN, so that a pipeline can give one for this alone, else the forge's own.
  absl::StatusOr<std::string> Token(const std::string& own) const {
    std::string value = Or("CROSSMILL_STATUS_TOKEN", Or(own));
    if (value.empty()) {
      return absl::FailedPreconditionError(
          fmt::format("--commit-status: neither CROSSMILL_STATUS_TOKEN nor {} is set; the forge takes a "
                      "status from nobody "
                      "without a token",
                      own));
    }
    // It becomes a line of a request.
    const bool plain = std::all_of(value.begin(), value.end(), [](char c) { return c > ' ' && c < 0x7f; });
    if (!plain) return absl::FailedPreconditionError("--commit-status: the token holds what no token has");
    return value;
  }

 private:
  const StatusVariables& variable_;
};

absl::StatusOr<Forge> FindForge(std::string_view forge, const VariableReader& variables) {
  if (forge == "github") return Forge::kGithub;
  if (forge == "gitlab") return Forge::kGitlab;
  if (forge == "gitea") return Forge::kGitea;
  if (forge != "auto") {
    return absl::InvalidArgumentError(
        fmt::format("--commit-status {}: expected auto, github, gitlab or gitea", forge));
  }
  // Gitea's and Forgejo's runners set GitHub's variables, too.
  if (!variables.Or("GITEA_ACTIONS").empty() || !variables.Or("FORGEJO_ACTIONS").empty())
    return Forge::kGitea;
  if (!variables.Or("GITHUB_ACTIONS").empty()) return Forge::kGithub;
  if (!variables.Or("GITLAB_CI").empty()) return Forge::kGitlab;
  return absl::FailedPreconditionError(
      "--commit-status auto: none of GITHUB_ACTIONS, GITLAB_CI, GITEA_ACTIONS and FORGEJO_ACTIONS is set; "
      "name "
      "the forge: --commit-status github, gitlab or gitea");
}

std::string WithoutSlash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

// Each part of a path by itself.
absl::Status CheckUrl(const std::string& url) {
  const auto parsed = http::ParseUrl(url);
  if (!parsed.ok()) return Annotate(parsed.status(), "--commit-status");
  if (parsed->scheme == "https" || http::IsLoopback(parsed->host)) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "--commit-status: {} is not https: the token would be readable on its way", parsed->authority));
}

std::string_view GithubWord(CommitState state) {
  switch (state) {
    case CommitState::kPending:
      return "pending";
    case CommitState::kSuccess:
      return "success";
    case CommitState::kFailure:
      return "failure";
    default:
      return "error";
  }
}

std::string_view GitlabWord(CommitState state) {
  switch (state) {
    case CommitState::kPending:
      return "running";
    case CommitState::kSuccess:
      return "success";
    case CommitState::kCancelled:
      return "canceled";
    default:
      return "failed";
  }
}

// A forge that quotes the request in its answer quotes the token, too.
std::string Said(const std::string& answer, const std::string& token) {
  return Printable(absl::StrReplaceAll(answer.substr(0, 300), {{token, "(token)"}}));
}

}  // namespace

absl::StatusOr<StatusTarget> ReadStatusTarget(std::string_view word, const std::string& name,
                                              const StatusVariables& variable) {
  const VariableReader variables(variable);
  StatusTarget target;
  target.name = name;
  ASSIGN_OR_RETURN(target.forge, FindForge(word, variables));
  if (target.forge == Forge::kGitlab) {
    ASSIGN_OR_RETURN(const std::string api, variables.Need("CI_API_V4_URL"));
    ASSIGN_OR_RETURN(const std::string project, variables.Need("CI_PROJECT_ID"));
    ASSIGN_OR_RETURN(const std::string commit, variables.Need("CI_COMMIT_SHA"));
    ASSIGN_OR_RETURN(target.token, variables.Token("GITLAB_TOKEN"));
    target.url = fmt::format("{}/projects/{}/statuses/{}", WithoutSlash(api), EncodePercent(project),
                             EncodePercent(commit));
  } else {
    const std::string usual = target.forge == Forge::kGithub ? "https://api.github.com" : "";
    std::string api = variables.Or("GITHUB_API_URL", usual);
    if (api.empty()) {
      ASSIGN_OR_RETURN(const std::string server, variables.Need("GITHUB_SERVER_URL"));
      api = WithoutSlash(server) + "/api/v1";
    }
    ASSIGN_OR_RETURN(const std::string repository, variables.Need("GITHUB_REPOSITORY"));
    ASSIGN_OR_RETURN(const std::string commit, variables.Need("GITHUB_SHA"));
    ASSIGN_OR_RETURN(target.token,
                     variables.Token(target.forge == Forge::kGithub ? "GITHUB_TOKEN" : "GITEA_TOKEN"));
    target.url = fmt::format("{}/repos/{}/statuses/{}", WithoutSlash(api), EncodePercent(repository, "/"),
                             EncodePercent(commit));
  }
  RETURN_IF_ERROR(CheckUrl(target.url));
  return target;
}

CommitState CommitStateOf(const PipelineRun& run) {
  if (!run.incomplete.empty()) return run.exit_code == 0 ? CommitState::kPending : CommitState::kError;
  switch (run.exit_code) {
    case kExitOk:
      return CommitState::kSuccess;
    case kExitBuildFailed:
    case kExitNotReproducible:
    case kExitInconclusive:
    case kExitTooFewHosts:
      return CommitState::kFailure;
    case kExitCancelled:
      return CommitState::kCancelled;
    default:
      return CommitState::kError;
  }
}

std::string StatusText(const PipelineRun& run) {
  std::string text = fmt::format("{}: ", RunName(run));
  if (!run.incomplete.empty()) {
    text += run.incomplete;
  } else if (run.matrix != 0) {
    const auto well = std::count_if(run.builds.begin(), run.builds.end(), [](const BuildReport& report) {
      return report.build.status() == v1::BUILD_STATUS_SUCCEEDED;
    });
    text += fmt::format("{}; {} of {} combinations succeeded", RunWord(run), well, run.builds.size());
  } else {
    text += RunWord(run);
  }
  const v1::Verdict verdict = RunVerdict(run);
  if (run.incomplete.empty() && verdict != v1::VERDICT_UNVERIFIED) text += fmt::format("; {}", Word(verdict));
  text = Printable(text);
  // Characters are counted, not bytes.
  size_t end = 0;
  for (size_t count = 0; end < text.size() && count < kLongestDescription; ++count) {
    do ++end;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80);
  }
  return text.substr(0, end);
}

http::HttpRequest StatusRequest(const StatusTarget& target, CommitState state, const std::string& description,
                                const std::string& page) {
  const bool gitlab = target.forge == Forge::kGitlab;
  Json body = {{"state", gitlab ? GitlabWord(state) : GithubWord(state)},
               {gitlab ? "name" : "context", target.name},
               {"description", description}};
  if (!page.empty()) body["target_url"] = page;
  http::HttpRequest request;
  request.method = "POST";
  request.url = target.url;
  request.headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}};
  if (gitlab) {
    request.headers.emplace_back("PRIVATE-TOKEN", target.token);
  } else {
    request.headers.emplace_back("Authorization",
                                 (target.forge == Forge::kGithub ? "Bearer " : "token ") + target.token);
  }
  request.body = WriteJson(body);
  request.idle_limit = absl::Seconds(10);
  request.total_limit = absl::Seconds(20);
  return request;
}

absl::Status SetCommitStatus(http::HttpClient& client, const StatusTarget& target, CommitState state,
                             const std::string& description, const std::string& page) {
  const http::HttpRequest request = StatusRequest(target, state, description, page);
  absl::Status last;
  for (int tries = 0; tries < kTries; ++tries) {
    if (tries > 0) std::this_thread::sleep_for(std::chrono::seconds(tries));
    const auto answer = http::Fetch(client, request, kLongestAnswer);
    if (!answer.ok()) {
      last = Annotate(answer.status(), "--commit-status");
      if (!absl::IsUnavailable(answer.status())) return last;
      continue;
    }
    const int code = answer->first.status;
    if (code >= 200 && code < 300) return absl::OkStatus();
    last = absl::FailedPreconditionError(
        fmt::format("--commit-status: the forge answered {}: {}", code, Said(answer->second, target.token)));
    // GitLab refuses a status that the commit has already; a job that is run again would fail by that.
    if (code < 500 && code != 429) return last;
  }
  return last;
}

}  // namespace crossmill::cli
