#include "common/rpc/protocol.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace crossmill::rpc {
namespace {

TEST(ProtocolTest, APeerIsReadAsItNamesItself) {
  // gRPC puts its own name behind.
  const auto peer = PeerOf(UserAgentOf("1.2.3", 17) + " grpc-c++/1.51.1 grpc-c/29.0.0 (linux; chttp2)");
  ASSERT_TRUE(peer.has_value());
  EXPECT_EQ(peer->version, "1.2.3");
  EXPECT_EQ(peer->protocol, 17);
  EXPECT_EQ(PeerOf(UserAgentOf("1.2.3", 17))->protocol, 17);
}

TEST(ProtocolTest, BeforeNumbersThereWasTheLibrarysName) {
  EXPECT_EQ(PeerOf("grpc-c++/1.51.1 grpc-c/29.0.0 (linux; chttp2)")->protocol, 1);
}

TEST(ProtocolTest, OtherProgramsAreNoneOfOurs) {
  for (const char* agent :
       {"", "grpc-python/1.60", "bazel/7.0 grpc-java-netty/1.5", "grpcurl/1.8", "crossmill/", "crossmill/1.0",
        "crossmill/1.0 protocol/", "crossmill/1.0 protocol/x", "crossmill/1.0 protocol/0",
        "crossmill/1.0 protocol/-3", "crossmill/1.0 protocol/2x", "crossmill/1.0 protocol/99999999999"})
    EXPECT_FALSE(PeerOf(agent).has_value()) << agent;
}

TEST(ProtocolTest, NeighboursWorkAndOthersAreToldWhatToDo) {
  for (const int own : {2, 7}) {
    for (int theirs = 1; theirs < 12; ++theirs) {
      const absl::Status status = CheckPeer({"9.9", theirs}, own);
      EXPECT_EQ(status.ok(), theirs >= own - 1 && theirs <= own + 1) << theirs << " at " << own;
      if (status.ok()) continue;
      EXPECT_TRUE(absl::IsFailedPrecondition(status));
      const std::string message(status.message());
      EXPECT_NE(message.find("Crossmill 9.9 with protocol " + std::to_string(theirs)), std::string::npos)
          << message;
      EXPECT_NE(message.find(theirs < own ? "upgrade the client or worker" : "upgrade the coordinator"),
                std::string::npos)
          << message;
    }
  }
  EXPECT_FALSE(CheckPeer({"9.9", 2147483647}, 2).ok());
}

}  // namespace
}  // namespace crossmill::rpc
