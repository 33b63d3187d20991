#include "cli/buildx/buildx_setup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace crossmill::cli {
namespace {

using testing::ElementsAre;

std::string UrlOf(std::string_view said, std::string_view coordinator = "farm.example:7777") {
  const auto endpoint = FindEndpoint(said, coordinator);
  return endpoint.ok() ? endpoint->url : std::string(endpoint.status().message());
}

TEST(FindEndpointTest, TheDoorIsBesideTheCoordinator) {
  EXPECT_EQ(UrlOf("", "unix:/var/lib/crossmill/coordinator.sock"), "unix:///var/lib/crossmill/buildkit.sock");
  EXPECT_EQ(UrlOf("", "unix:///var/lib/crossmill/coordinator.sock"),
            "unix:///var/lib/crossmill/buildkit.sock");
  EXPECT_EQ(UrlOf("", "farm.example:7777"), "tcp://farm.example:7778");
  EXPECT_EQ(UrlOf("", "[::1]:7777"), "tcp://[::1]:7778");
}

TEST(FindEndpointTest, WhatIsSaidCounts) {
  EXPECT_EQ(UrlOf("other.example"), "tcp://other.example:7778");
  EXPECT_EQ(UrlOf("other.example:1"), "tcp://other.example:1");
  EXPECT_EQ(UrlOf("tcp://[fe80::1]"), "tcp://[fe80::1]:7778");
  EXPECT_EQ(UrlOf("unix:///run/b.sock"), "unix:///run/b.sock");
  EXPECT_EQ(UrlOf("/run/b.sock"), "unix:///run/b.sock");
  EXPECT_TRUE(FindEndpoint("other.example", "")->tls);
  EXPECT_FALSE(FindEndpoint("/run/b.sock", "")->tls);
}

TEST(FindEndpointTest, WhatIsNoAddressIsRefused) {
  for (const char* bad : {"unix:run/b.sock", "farm.example:port", "a b", "tcp://", "farm.example:", "x/y:1"})
    EXPECT_FALSE(FindEndpoint(bad, "farm.example:7777").ok()) << bad;
}

TEST(CreateArgumentsTest, TheLineHasTheFilesOfTls) {
  const auto arguments = CreateArguments("farm", {"tcp://farm.example:7778", true},
                                         TlsFiles{"/c/ca.pem", "/c/cert.pem", "/c/key.pem"});
  ASSERT_OK(arguments);
  EXPECT_THAT(*arguments, ElementsAre("create", "--name", "farm", "--driver", "remote", "--driver-opt",
                                      "cacert=/c/ca.pem,cert=/c/cert.pem,key=/c/key.pem", "--use",
                                      "tcp://farm.example:7778"));
}

TEST(CreateArgumentsTest, WhatBuildxWouldMisunderstandIsRefused) {
  EXPECT_FALSE(CreateArguments("-x", {"unix:///s", false}, std::nullopt).ok());
  EXPECT_FALSE(CreateArguments("a b", {"unix:///s", false}, std::nullopt).ok());
  EXPECT_FALSE(CreateArguments("farm", {"tcp://f:1", true}, TlsFiles{"/a,b/ca", "/c", "/k"}).ok());
}

TEST(ShellLineTest, WordsAreQuotedWhereAShellWouldReadThem) {
  EXPECT_EQ(ShellLine({"docker", "buildx", "a b", "it's", ""}), R"(docker buildx 'a b' 'it'\''s' '')");
}

}  // namespace
}  // namespace crossmill::cli
