// --commit-status: what became of a build as a status of its commit, by the API of the forge that runs the
// pipeline.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/pipeline/run.h"
#include "common/http/http_client.h"

namespace crossmill::cli {

enum class Forge { kGithub, kGitlab, kGitea };

// Where and by whom. The token is never in a message.
struct StatusTarget {
  Forge forge = Forge::kGithub;
  // Of the API's call, complete.
  std::string url;
  std::string token;
  // What the status is called beside others: "crossmill".
  std::string name;
};

using StatusVariables = std::function<std::optional<std::string>(const std::string&)>;

// From the variables that the forge's pipelines have (docs/pipelines.md, "Commit statuses"). `forge`: "auto",
// "github", "gitlab" or "gitea". INVALID_ARGUMENT: another word; FAILED_PRECONDITION names the variable that
// is missing, or says that a token would go over the network in clear.
absl::StatusOr<StatusTarget> ReadStatusTarget(std::string_view forge, const std::string& name,
                                              const StatusVariables& variable);

enum class CommitState { kPending, kSuccess, kFailure, kError, kCancelled };
CommitState CommitStateOf(const PipelineRun& run);
// One line of at most 140 characters: "Matrix m12: 3 of 4 combinations succeeded".
std::string StatusText(const PipelineRun& run);

// Pure: the call that sets it.
http::HttpRequest StatusRequest(const StatusTarget& target, CommitState state, const std::string& description,
                                const std::string& page);

// Makes the call, three times at most where the forge does not answer or is overloaded. The error says what
// the forge said, and nothing of the token.
absl::Status SetCommitStatus(http::HttpClient& client, const StatusTarget& target, CommitState state,
                             const std::string& description, const std::string& page);

}  // namespace crossmill::cli
