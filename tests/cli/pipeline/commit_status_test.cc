#include "cli/pipeline/commit_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "common/base/json.h"
#include "tests/cli/pipeline/pipeline_sample.h"
#include "tests/support/fake_http_client.h"
#include "tests/support/status_matchers.h"

namespace crossmill::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Variables = std::map<std::string, std::string>;

constexpr char kToken[] = "glpat-planted-9Zq";

absl::StatusOr<StatusTarget> Read(const std::string& forge, const Variables& variables) {
  return ReadStatusTarget(forge, "crossmill", [&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
}

Variables Github() {
  return {{"GITHUB_ACTIONS", "true"},
          {"GITHUB_API_URL", "https://api.github.example/"},
          {"GITHUB_REPOSITORY", "team/a pp"},
          {"GITHUB_SHA", "abc"},
          {"GITHUB_TOKEN", kToken}};
}
Variables Gitlab() {
  return {{"GITLAB_CI", "true"},
          {"CI_API_V4_URL", "https://gitlab.example/api/v4"},
          {"CI_PROJECT_ID", "7"},
          {"CI_COMMIT_SHA", "abc"},
          {"GITLAB_TOKEN", kToken}};
}
Variables Gitea() {
  return {{"GITEA_ACTIONS", "true"},
          {"GITHUB_ACTIONS", "true"},
          {"GITHUB_SERVER_URL", "https://gitea.example"},
          {"GITHUB_REPOSITORY", "team/app"},
          {"GITHUB_SHA", "abc"},
          {"GITEA_TOKEN", kToken}};
}

std::string FieldOf(const http::HttpRequest& request, const std::string& name) {
  for (const auto& [key, value] : request.headers) {
    if (key == name) return value;
  }
  return "";
}

TEST(CommitStatusTest, TheForgeIsKnownByItsVariables) {
  auto target = Read("auto", Github());
  ASSERT_OK(target);
  EXPECT_EQ(target->forge, Forge::kGithub);
  EXPECT_EQ(target->url, "https://api.github.example/repos/team/a%20pp/statuses/abc");
  target = Read("auto", Gitlab());
  ASSERT_OK(target);
  EXPECT_EQ(target->url, "https://gitlab.example/api/v4/projects/7/statuses/abc");
  target = Read("auto", Gitea());
  ASSERT_OK(target);
  EXPECT_EQ(target->forge, Forge::kGitea);
  EXPECT_EQ(target->url, "https://gitea.example/api/v1/repos/team/app/statuses/abc");
  Variables own = Github();
  own["CROSSMILL_STATUS_TOKEN"] = "other";
  EXPECT_EQ(Read("github", own)->token, "other");
}

TEST(CommitStatusTest, WhatIsMissingIsNamed) {
  const auto refused = [](const std::string& forge, Variables variables, const std::string& without) {
    variables.erase(without);
    return std::string(Read(forge, variables).status().message());
  };
  EXPECT_THAT(refused("auto", {}, ""), HasSubstr("GITHUB_ACTIONS"));
  EXPECT_THAT(refused("github", Github(), "GITHUB_SHA"), HasSubstr("GITHUB_SHA is not set"));
  EXPECT_THAT(refused("github", Github(), "GITHUB_TOKEN"), HasSubstr("GITHUB_TOKEN"));
  EXPECT_THAT(refused("gitlab", Gitlab(), "CI_PROJECT_ID"), HasSubstr("CI_PROJECT_ID"));
  EXPECT_THAT(refused("gitea", Gitea(), "GITHUB_SERVER_URL"), HasSubstr("GITHUB_SERVER_URL"));
  EXPECT_TRUE(absl::IsInvalidArgument(Read("svn", Github()).status()));
  Variables bad = Github();
  bad["GITHUB_TOKEN"] = std::string(kToken) + "\r\nX: y";
  const absl::Status status = Read("github", bad).status();
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr(kToken)));
  bad = Github();
  bad["GITHUB_API_URL"] = "http://api.github.example";
  EXPECT_THAT(std::string(Read("github", bad).status().message()), HasSubstr("is not https"));
  bad["GITHUB_API_URL"] = "http://127.0.0.1:3000";
  EXPECT_OK(Read("github", bad));
}

TEST(CommitStatusTest, RequestsAreAsEachForgeWantsThem) {
  const auto body_of = [](const http::HttpRequest& request) { return *ParseJson(request.body); };
  http::HttpRequest request =
      StatusRequest(*Read("auto", Github()), CommitState::kFailure, "text", "https://p/1");
  EXPECT_EQ(FieldOf(request, "Authorization"), std::string("Bearer ") + kToken);
  EXPECT_EQ(body_of(request), (Json{{"state", "failure"},
                                    {"context", "crossmill"},
                                    {"description", "text"},
                                    {"target_url", "https://p/1"}}));
  request = StatusRequest(*Read("auto", Gitlab()), CommitState::kPending, "text", "");
  EXPECT_EQ(FieldOf(request, "PRIVATE-TOKEN"), kToken);
  EXPECT_EQ(body_of(request), (Json{{"state", "running"}, {"name", "crossmill"}, {"description", "text"}}));
  EXPECT_EQ(body_of(StatusRequest(*Read("auto", Gitlab()), CommitState::kCancelled, "", ""))["state"],
            "canceled");
  request = StatusRequest(*Read("auto", Gitea()), CommitState::kError, "text", "");
  EXPECT_EQ(FieldOf(request, "Authorization"), std::string("token ") + kToken);
  EXPECT_EQ(body_of(request)["state"], "error");
}

TEST(CommitStatusTest, ARunIsOneLine) {
  EXPECT_EQ(StatusText(SampleMatrixRun()),
            "Matrix m12: failed; 1 of 2 combinations succeeded; unreproducible");
  EXPECT_EQ(StatusText(SampleRun()), "Build 12: not reproducible; unreproducible");
  EXPECT_EQ(StatusText(IncompleteRun()), "Build 12: it was running when this was written");
  PipelineRun run = IncompleteRun();
  run.incomplete = "";
  for (int i = 0; i < 200; ++i) run.incomplete += "é";
  EXPECT_EQ(StatusText(run).size(), 140u + 130) << "140 characters";
  EXPECT_EQ(CommitStateOf(SampleMatrixRun()), CommitState::kFailure);
  EXPECT_EQ(CommitStateOf(IncompleteRun()), CommitState::kPending);
  run.exit_code = kExitInfrastructure;
  EXPECT_EQ(CommitStateOf(run), CommitState::kError);
}

TEST(CommitStatusTest, AForgeThatIsOverloadedIsAskedAgainAndOneThatRefusesIsNot) {
  const StatusTarget target = *Read("auto", Github());
  const std::string call = "POST " + target.url;
  http::FakeHttpClient client;
  client.Answer(call, {503, {}, "", {}});
  client.Answer(call, {201, {}, "{}", {}});
  EXPECT_OK(SetCommitStatus(client, target, CommitState::kSuccess, "", ""));
  http::FakeHttpClient refusing;
  refusing.Answer(call, {403, {}, std::string("no: ") + kToken + "\x1b[31m", {}});
  const absl::Status refused = SetCommitStatus(refusing, target, CommitState::kSuccess, "", "");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("answered 403: no: (token)"));
  EXPECT_THAT(std::string(refused.message()), Not(HasSubstr(kToken)));
  EXPECT_THAT(std::string(refused.message()), Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace crossmill::cli
