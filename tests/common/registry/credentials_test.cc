#include "common/registry/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <map>

#include "common/base/files.h"
#include "common/base/status.h"
#include "tests/support/status_matchers.h"

namespace crossmill::registry {
namespace {

class CredentialsTest : public testing::Test {
 protected:
  void SetUp() override {
    variables_["DOCKER_CONFIG"] = folder_.path();
    // Helpers are looked up in PATH.
    old_path_ = getenv("PATH");
    setenv("PATH", (folder_.path() + ":" + old_path_).c_str(), 1);
  }
  void TearDown() override { setenv("PATH", old_path_.c_str(), 1); }

  void Config(const std::string& json) { ASSERT_OK(WriteFileAtomic(folder_.Path("config.json"), json)); }
  void Helper(const std::string& name, const std::string& script) {
    const std::string path = folder_.Path("docker-credential-" + name);
    ASSERT_OK(WriteFileAtomic(path, "#!/bin/sh\n" + script));
    ASSERT_EQ(chmod(path.c_str(), 0755), 0);
  }
  absl::StatusOr<std::optional<Credentials>> Find(const std::string& registry) {
    return DockerCredentials([this](const std::string& name) -> std::optional<std::string> {
      const auto it = variables_.find(name);
      return it == variables_.end() ? std::nullopt : std::optional(it->second);
    })(registry);
  }

  TemporaryFolder folder_ = *TemporaryFolder::Create();
  std::map<std::string, std::string> variables_;
  std::string old_path_;
};

TEST_F(CredentialsTest, FilesInTheirOrder) {
  variables_ = {{"HOME", "/home/me"}};
  const auto paths = [this] {
    return CredentialPaths([this](const std::string& name) -> std::optional<std::string> {
      const auto it = variables_.find(name);
      return it == variables_.end() ? std::nullopt : std::optional(it->second);
    });
  };
  EXPECT_THAT(paths(), testing::ElementsAre("/home/me/.docker/config.json"));
  variables_ = {{"HOME", "/h"},
                {"DOCKER_CONFIG", "/d"},
                {"XDG_RUNTIME_DIR", "/run/u"},
                {"REGISTRY_AUTH_FILE", "/a.json"}};
  EXPECT_THAT(paths(), testing::ElementsAre("/a.json", "/d/config.json", "/run/u/containers/auth.json"));
}

TEST_F(CredentialsTest, NothingAnywhereIsAnonymous) {
  const auto found = Find("r.example");
  ASSERT_OK(found);
  EXPECT_FALSE(found->has_value());
}

TEST_F(CredentialsTest, AuthsOfTheFileAndDockerHubsOldKey) {
  Config(
      R"({"auths":{"https://index.docker.io/v1/":{"auth":"dTpw"},"r.example:5000":{"identitytoken":"t","username":"x"}}})");
  const auto hub = Find("docker.io");
  ASSERT_OK(hub);
  EXPECT_EQ((*hub)->user, "u");
  EXPECT_EQ((*hub)->password, "p");
  EXPECT_EQ((**Find("r.example:5000")).identity_token, "t");
  EXPECT_FALSE(Find("r.example")->has_value());
}

TEST_F(CredentialsTest, HelperIsAskedWithTheRegistryOnItsStandardInput) {
  Config(R"({"credsStore":"all","credHelpers":{"r.example":"one"},"auths":{"r.example":{"auth":"dTpw"}}})");
  Helper("one", R"(read -r registry; [ "$1" = get ] || exit 9
printf '{"ServerURL":"%s","Username":"me","Secret":"for %s"}' "$registry" "$registry")");
  Helper("all", R"(read -r registry; printf '{"Username":"<token>","Secret":"%s"}' "$registry")");
  const auto one = Find("r.example");
  ASSERT_OK(one);
  EXPECT_EQ((*one)->user, "me");
  EXPECT_EQ((*one)->password, "for r.example");
  const auto hub = Find("docker.io");
  ASSERT_OK(hub);
  EXPECT_EQ((*hub)->identity_token, "https://index.docker.io/v1/");
  EXPECT_EQ((*hub)->user, "");
}

TEST_F(CredentialsTest, HelperThatKnowsNothingLeavesItToTheFile) {
  Config(R"({"credsStore":"none","auths":{"r.example":{"auth":"dTpw"}}})");
  Helper("none", "echo 'credentials not found in native keychain'; exit 1");
  const auto found = Find("r.example");
  ASSERT_OK(found);
  EXPECT_EQ((*found)->user, "u");
  EXPECT_FALSE(Find("other.example")->has_value());
}

TEST_F(CredentialsTest, HelperThatFailsIsNamedButNotQuoted) {
  Config(R"({"credsStore":"bad"})");
  Helper("bad", "echo geheim; exit 3");
  const auto found = Find("r.example");
  EXPECT_EQ(found.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(Sv(found.status().message()).find("docker-credential-bad"), std::string_view::npos);
  EXPECT_EQ(Sv(found.status().message()).find("geheim"), std::string_view::npos);
  Config(R"({"credsStore":"not-there"})");
  EXPECT_FALSE(Find("r.example").ok());
  Config(R"({"credsStore":"../../bin/sh"})");
  EXPECT_FALSE(Find("r.example").ok());
}

TEST_F(CredentialsTest, ClientsComeBeforeOurs) {
  Config(R"({"auths":{"r.example":{"auth":"dTpw"},"other.example":{"auth":"dTpw"}}})");
  const CredentialLookup ours = [this](std::string_view registry) { return Find(std::string(registry)); };
  const CredentialLookup both = WithCredentials({{"r.example", {"client", "x", ""}}}, ours);
  EXPECT_EQ((**both("r.example")).user, "client");
  EXPECT_EQ((**both("other.example")).user, "u");
}

}  // namespace
}  // namespace crossmill::registry
