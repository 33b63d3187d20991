#include "common/rpc/channel.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace crossmill::rpc {
namespace {

TEST(ChannelTest, LoopbackIsToldFromOtherHosts) {
  for (const char* address : {"localhost:1", "127.0.0.1:1", "127.8.9.10:1", "[::1]:1"}) {
    EXPECT_TRUE(IsLoopback(address)) << address;
  }
  for (const char* address : {"0.0.0.0:1", "127.example.org:1", "farm:1", "[::]:1", "10.0.0.1:1"}) {
    EXPECT_FALSE(IsLoopback(address)) << address;
  }
}

TEST(ChannelTest, MalformedAddressesAreRefused) {
  for (const std::string& address : {std::string("farm"), std::string("unix:"), std::string(":1"),
                                     std::string("farm:"), "unix:/" + std::string(200, 'x')}) {
    EXPECT_TRUE(absl::IsInvalidArgument(MakeChannel({address, "", "", false}).status())) << address;
  }
}

TEST(ChannelTest, MissingCaFileIsNamed) {
  const auto channel = MakeChannel({"farm:1", "token", "/nowhere/ca.pem", false});
  EXPECT_TRUE(absl::IsNotFound(channel.status()));
}

}  // namespace
}  // namespace crossmill::rpc
