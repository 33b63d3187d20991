#include "worker/sandbox/host_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "common/base/files.h"
#include "tests/support/status_matchers.h"

namespace crossmill::worker {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;

HostSettingsSource SourceOf(std::map<std::string, std::string> environment) {
  HostSettingsSource source;
  source.environment = [environment](const std::string& name) -> std::optional<std::string> {
    const auto found = environment.find(name);
    if (found == environment.end()) return std::nullopt;
    return found->second;
  };
  source.hosts_file = "/nonexistent/hosts";
  return source;
}

TEST(ForeignHostsTest, OnlyOtherMachinesNamesPass) {
  EXPECT_THAT(ForeignHosts("127.0.0.1 localhost\n"
                           "127.0.1.1 builder builder.example  # myself\n"
                           "::1 ip6-localhost ip6-loopback localhost\n"
                           "# 192.0.2.1 commented\n"
                           "192.0.2.2\tindex.example  index  # inside\n"
                           "192.0.2.3 localhost.localdomain mirror\n",
                           "builder"),
              ElementsAre("192.0.2.2 index.example index", "192.0.2.3 mirror"));
}

TEST(HostSettingsTest, ProxiesAndIndexPassAndNothingElse) {
  const auto settings = DetectHostSettings(SourceOf({{"https_proxy", "http://proxy:3128"},
                                                     {"PIP_INDEX_URL", "http://index/simple"},
                                                     {"AWS_SECRET_ACCESS_KEY", "secret"},
                                                     {"HOME", "/root"}}));
  ASSERT_OK(settings);
  EXPECT_THAT(settings->variables, ElementsAre(Pair("https_proxy", "http://proxy:3128"),
                                               Pair("PIP_INDEX_URL", "http://index/simple")));
  EXPECT_EQ(settings->ca_bundle, "");
}

TEST(HostSettingsTest, PathsOfTheHostMeanNothingInAStep) {
  const auto settings = DetectHostSettings(SourceOf({{"PIP_FIND_LINKS", "/opt/wheels"}}));
  ASSERT_OK(settings);
  EXPECT_THAT(settings->variables, IsEmpty());
}

TEST(HostSettingsTest, OperatorNamesFurtherVariables) {
  HostSettingsSource source = SourceOf({{"LICENCE_SERVER", "27000@licences"}});
  source.pass_env = {"LICENCE_SERVER"};
  const auto settings = DetectHostSettings(source);
  ASSERT_OK(settings);
  EXPECT_THAT(settings->variables, ElementsAre(Pair("LICENCE_SERVER", "27000@licences")));
  source.pass_env = {"MISTYPED"};
  EXPECT_TRUE(absl::IsInvalidArgument(DetectHostSettings(source).status()));
}

TEST(HostSettingsTest, BundleIsFoundByTheUsualVariablesAndMissingOnesAreSkipped) {
  const auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  ASSERT_OK(WriteFileAtomic(folder->Path("ca.pem"), "pem"));
  const auto settings = DetectHostSettings(
      SourceOf({{"SSL_CERT_FILE", folder->Path("gone.pem")}, {"CURL_CA_BUNDLE", folder->Path("ca.pem")}}));
  ASSERT_OK(settings);
  EXPECT_EQ(settings->ca_bundle, "pem");
}

TEST(HostSettingsTest, GivenBundleMustExist) {
  HostSettingsSource source = SourceOf({});
  source.ca_bundle = "/nonexistent/ca.pem";
  EXPECT_TRUE(absl::IsInvalidArgument(DetectHostSettings(source).status()));
  source.ca_bundle = "none";
  EXPECT_OK(DetectHostSettings(source));
}

TEST(StepEnvironmentTest, RecipeIsNeverOverridden) {
  v1::Run run;
  run.set_network(v1::NETWORK_MODE_HOST);
  for (const char* entry : {"PATH=/opt/bin", "HOME=/elsewhere", "https_proxy=http://mine",
                            "SSL_CERT_FILE=/mine.pem", "SOURCE_DATE_EPOCH=5"}) {
    run.add_env(entry);
  }
  HostSettings settings;
  settings.variables = {{"https_proxy", "http://theirs"}, {"http_proxy", "http://theirs"}};
  settings.ca_bundle = "pem";
  settings.java_trust_store = "jks";
  const auto env = StepEnvironment(run, Identity{}, 1000, settings);
  EXPECT_THAT(env, Contains("PATH=/opt/bin"));
  EXPECT_THAT(env, Contains("HOME=/elsewhere"));
  EXPECT_THAT(env, Contains("https_proxy=http://mine"));
  EXPECT_THAT(env, Contains("SSL_CERT_FILE=/mine.pem"));
  EXPECT_THAT(env, Contains("SOURCE_DATE_EPOCH=5"));
  EXPECT_THAT(env, Contains("http_proxy=http://theirs"));
  EXPECT_THAT(env, Contains("PIP_CERT=/run/crossmill/ca.pem"));
  EXPECT_THAT(env, Contains("JAVA_TOOL_OPTIONS=-Djavax.net.ssl.trustStore=/run/crossmill/ca.jks"));
  EXPECT_EQ(
      std::count_if(env.begin(), env.end(), [](const auto& entry) { return entry.starts_with("PATH="); }), 1);
}

TEST(StepEnvironmentTest, ProxyArgumentsOfTheBuildComeBeforeTheHosts) {
  v1::Run run;
  run.set_network(v1::NETWORK_MODE_HOST);
  run.add_env("A=b");
  run.add_proxy_env("http_proxy=http://argument");
  HostSettings settings;
  settings.variables = {{"http_proxy", "http://host"}};
  const auto env = StepEnvironment(run, Identity{}, std::nullopt, settings);
  EXPECT_THAT(env, Contains("http_proxy=http://argument"));
  EXPECT_THAT(env, testing::Not(Contains("http_proxy=http://host")));
}

TEST(StepEnvironmentTest, WithoutNetworkNothingOfTheHostPasses) {
  v1::Run run;
  run.set_network(v1::NETWORK_MODE_NONE);
  HostSettings settings;
  settings.variables = {{"http_proxy", "http://theirs"}};
  settings.ca_bundle = "pem";
  settings.java_trust_store = "jks";
  const auto env = StepEnvironment(run, Identity{.uid = 7, .gid = 7, .groups = {}, .home = "/home/app"},
                                   std::nullopt, settings);
  EXPECT_THAT(env, ElementsAre(StartsWith("PATH=/usr/local/sbin:"), "HOME=/home/app"));
}

}  // namespace
}  // namespace crossmill::worker
