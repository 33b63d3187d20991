#include "worker/network/network_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/support/status_matchers.h"
#include "worker/network/announcement.h"
#include "worker/network/fetch_log.h"
#include "worker/network/network_hint.h"

namespace crossmill::worker {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

absl::StatusOr<NetworkSettings> Read(const NetworkFlags& flags,
                                     std::map<std::string, std::string> variables = {}) {
  return ReadNetworkSettings(flags, [&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  });
}

bool GoesThroughProxy(const NetworkSettings& settings, const std::string& host, uint16_t port,
                      bool tunnel = true) {
  return ProxyFor(settings, {host, port}, tunnel) != nullptr;
}

TEST(NetworkSettingsTest, TheEnvironmentNamesProxiesPerScheme) {
  const auto settings = Read({}, {{"http_proxy", "http://user:p%40ss@proxy.example:3128/"},
                                  {"HTTPS_PROXY", "secure.example:8080"},
                                  {"no_proxy", "corp.example, .lab.example,10.0.0.0/8,direct.example:8443"}});
  ASSERT_OK(settings);
  EXPECT_EQ(settings->http_proxy->at.Text(), "proxy.example:3128");
  EXPECT_EQ(settings->http_proxy->authorization, "Basic dXNlcjpwQHNz");
  EXPECT_EQ(settings->https_proxy->at.Text(), "secure.example:8080");
  EXPECT_TRUE(GoesThroughProxy(*settings, "index.example", 443));
  EXPECT_FALSE(GoesThroughProxy(*settings, "corp.example", 443));
  EXPECT_FALSE(GoesThroughProxy(*settings, "a.corp.example", 443));
  EXPECT_TRUE(GoesThroughProxy(*settings, "xcorp.example", 443));
  EXPECT_FALSE(GoesThroughProxy(*settings, "b.LAB.example.", 443));
  EXPECT_FALSE(GoesThroughProxy(*settings, "10.1.2.3", 443));
  EXPECT_FALSE(GoesThroughProxy(*settings, "direct.example", 8443));
  EXPECT_TRUE(GoesThroughProxy(*settings, "direct.example", 443));
}

TEST(NetworkSettingsTest, TheFlagComesBeforeTheEnvironment) {
  auto settings = Read({.upstream_proxy = "none", .allow = {}, .deny = {}, .allow_local = {}},
                       {{"http_proxy", "http://proxy.example:3128"}});
  ASSERT_OK(settings);
  EXPECT_FALSE(settings->http_proxy.has_value());
  settings = Read({.upstream_proxy = "http://mine.example:1", .allow = {}, .deny = {}, .allow_local = {}},
                  {{"http_proxy", "http://proxy.example:3128"}, {"no_proxy", "*"}});
  ASSERT_OK(settings);
  EXPECT_EQ(settings->http_proxy->at.host, "mine.example");
  EXPECT_EQ(settings->https_proxy->at.host, "mine.example");
  EXPECT_FALSE(GoesThroughProxy(*settings, "index.example", 443));
}

TEST(NetworkSettingsTest, WhatIsWrongIsSaidWithoutThePassword) {
  const auto bad =
      Read({.upstream_proxy = "socks5://u:secret@h:1", .allow = {}, .deny = {}, .allow_local = {}});
  EXPECT_TRUE(absl::IsInvalidArgument(bad.status()));
  EXPECT_THAT(bad.status().ToString(), Not(HasSubstr("secret")));
  // Another program's proxy is no reason not to start.
  const auto other = Read({}, {{"all_proxy", "socks5://h:1"}});
  ASSERT_OK(other);
  EXPECT_FALSE(other->https_proxy.has_value());
  EXPECT_TRUE(absl::IsInvalidArgument(
      Read({.upstream_proxy = "", .allow = {}, .deny = {}, .allow_local = {"127.0.0.1"}}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      Read({.upstream_proxy = "", .allow = {"a b"}, .deny = {}, .allow_local = {}}).status()));
}

TEST(AnnouncementTest, JavaIsToldOnlyWhereThereIsOne) {
  const auto variables = NetworkVariables("builder.example", false);
  EXPECT_THAT(variables, Contains(Pair("http_proxy", "http://127.0.0.1:61180")));
  EXPECT_THAT(variables, Contains(Pair("HTTPS_PROXY", "http://127.0.0.1:61180")));
  EXPECT_THAT(variables, Contains(Pair("no_proxy", "localhost,127.0.0.1,::1,builder.example")));
  EXPECT_THAT(variables, Not(Contains(Pair("JAVA_TOOL_OPTIONS", testing::_))));
  EXPECT_THAT(NetworkVariables("x", true),
              Contains(Pair("JAVA_TOOL_OPTIONS", HasSubstr("-Dhttps.proxyPort=61180"))));
  // Java takes a name for itself only; a replica's host name is below it.
  EXPECT_THAT(NetworkVariables("x", true), Contains(Pair("MAVEN_OPTS", HasSubstr("|x|*.x"))));
}

v1::Fetch FetchOf(const std::string& host, int64_t started_at, const std::string& rule = "") {
  v1::Fetch fetch;
  fetch.set_host(host);
  fetch.set_started_at(started_at);
  fetch.set_bytes_down(10);
  fetch.set_refused_by(rule);
  return fetch;
}

TEST(FetchLogTest, BeyondTheBoundFetchesAreCountedPerHost) {
  FetchLog log({.fetches = 2, .text = 1000, .hosts = 2});
  log.Add(FetchOf("b", 20));
  log.Add(FetchOf("a", 10));
  for (const char* host : {"a", "c", "d", "e"}) log.Add(FetchOf(host, 30, "loopback"));
  log.Add(FetchOf("a", 40));
  const v1::StepFetches taken = log.Take();
  ASSERT_EQ(taken.fetches_size(), 2);
  EXPECT_EQ(taken.fetches(0).host(), "a");
  EXPECT_EQ(taken.fetches(1).host(), "b");
  ASSERT_EQ(taken.more_size(), 3);
  EXPECT_EQ(taken.more(0).host(), "");
  EXPECT_EQ(taken.more(0).fetches(), 2);
  EXPECT_EQ(taken.more(1).host(), "a");
  EXPECT_EQ(taken.more(1).fetches(), 2);
  EXPECT_EQ(taken.more(1).refused(), 1);
  EXPECT_EQ(taken.more(1).bytes_down(), 20);
  EXPECT_EQ(log.Take().fetches_size(), 0);
}

TEST(FetchLogTest, TextsAreBoundedToo) {
  FetchLog log({.fetches = 100, .text = 1000, .hosts = 10});
  for (int i = 0; i < 10; ++i) {
    v1::Fetch fetch = FetchOf("h", i);
    fetch.set_url(std::string(400, 'u'));
    log.Add(fetch);
  }
  v1::StepFetches taken = log.Take();
  EXPECT_EQ(taken.fetches_size(), 2);
  EXPECT_EQ(taken.more(0).fetches(), 8);
  CountByHost({}, &taken);
  EXPECT_EQ(taken.fetches_size(), 0);
  EXPECT_EQ(taken.more(0).fetches(), 10);
}

TEST(NetworkHintTest, ConsolesThatShowAWayAround) {
  for (const char* line :
       {"curl: (6) Could not resolve host: index.example\n",
        "W: Failed to fetch x  Temporary failure resolving 'x'\n", "ping: bad address 'x'\n",
        "java.net.UnknownHostException: index.example\n", "dial udp: lookup x: no such host\n",
        "connect: Network is unreachable\n", "Error: getaddrinfo EAI_AGAIN index.example\n",
        "ssh: Could not resolve hostname x: Temporary failure in name resolution"}) {
    NetworkHint hint;
    // In two pieces.
    hint.Add(std::string("before\n") + std::string(line).substr(0, 8));
    hint.Add(std::string(line).substr(8));
    EXPECT_THAT(hint.Text(), HasSubstr("--network=host")) << line;
  }
  for (const char* line :
       {"all is well\n", "crossmill recording proxy: no address of x: Name or service not known\n"}) {
    NetworkHint hint;
    hint.Add(line);
    EXPECT_EQ(hint.Text(), "") << line;
  }
}

}  // namespace
}  // namespace crossmill::worker
