#include "coordinator/rpc/connections/open_connections.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/files.h"

namespace crossmill::coordinator {
namespace {

// Both ends of connections, of which the door has the first.
class OpenConnectionsTest : public testing::Test {
 protected:
  // The number in `mine_` and `theirs_`.
  size_t Connect() {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    mine_.emplace_back(ends[0]);
    theirs_.emplace_back(ends[1]);
    return mine_.size() - 1;
  }
  static sockaddr_storage From(uint16_t port) {
    sockaddr_storage address = {};
    auto& peer = reinterpret_cast<sockaddr_in&>(address);
    peer.sin_family = AF_INET;
    peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    peer.sin_port = htons(port);
    return address;
  }
  bool Ended(size_t connection) const {
    pollfd wait = {.fd = theirs_[connection].get(), .events = POLLIN, .revents = 0};
    return poll(&wait, 1, 0) == 1 && (wait.revents & POLLHUP) != 0;
  }
  size_t EndedOnes() const {
    size_t ended = 0;
    for (size_t i = 0; i < theirs_.size(); ++i) ended += Ended(i) ? 1 : 0;
    return ended;
  }

  const OpenConnections::Time start_ = std::chrono::steady_clock::now();
  std::vector<UniqueFd> mine_, theirs_;
};

constexpr ConnectionLimits kFour = {
    .most = 4, .most_of_peer = 100, .most_unknown = 2, .most_unknown_of_peer = 2};

TEST_F(OpenConnectionsTest, WhoHasToGoIsClosedAndNobodyInVain) {
  OpenConnections connections(kFour, std::chrono::seconds(10));
  size_t admitted = 0;
  const auto flood = [&](uint16_t from) {
    for (uint16_t port = from; port < from + 50; ++port) {
      const size_t one = Connect();
      admitted += connections.Admit(mine_[one].get(), From(port), start_) ? 1 : 0;
    }
  };
  flood(1);
  // Two went for the third and the fourth. They have their descriptors still, so that there is no room for
  // others, and for those nobody has to go.
  EXPECT_EQ(admitted, 4u);
  EXPECT_EQ(EndedOnes(), 2u);
  for (size_t i = 0; i < mine_.size(); ++i) {
    if (Ended(i)) mine_[i].Reset();
  }
  connections.Sweep(start_ + std::chrono::seconds(1));
  EXPECT_EQ(connections.size(), 2u);
  flood(1000);
  EXPECT_EQ(admitted, 6u);
}

TEST_F(OpenConnectionsTest, OneOfThoseThatAreFullIsClosedWhenNothingElseIs) {
  OpenConnections connections(
      {.most = 3, .most_of_peer = 100, .most_unknown = 100, .most_unknown_of_peer = 100},
      std::chrono::seconds(100));
  for (uint16_t port = 1; port <= 3; ++port)
    ASSERT_TRUE(connections.Admit(mine_[Connect()].get(), From(port), start_));
  // The look whether something was closed meanwhile is in between.
  EXPECT_FALSE(connections.Admit(mine_[Connect()].get(), From(4), start_ + std::chrono::seconds(1)));
  EXPECT_EQ(EndedOnes(), 1u);
}

TEST_F(OpenConnectionsTest, WhoShowsATokenInTimeStays) {
  OpenConnections connections(kFour, std::chrono::seconds(10));
  const size_t known = Connect(), unknown = Connect();
  ASSERT_TRUE(connections.Admit(mine_[known].get(), From(1), start_));
  ASSERT_TRUE(connections.Admit(mine_[unknown].get(), From(2), start_));
  connections.Know("ipv4:127.0.0.1:1");
  connections.Know("ipv4:127.0.0.1:7");
  connections.Sweep(start_ + std::chrono::seconds(9));
  EXPECT_EQ(EndedOnes(), 0u);
  connections.Sweep(start_ + std::chrono::seconds(11));
  EXPECT_FALSE(Ended(known));
  EXPECT_TRUE(Ended(unknown));
  EXPECT_EQ(connections.size(), 2u);
  mine_[unknown].Reset();
  connections.Sweep(start_ + std::chrono::seconds(12));
  EXPECT_EQ(connections.size(), 1u);
}

// A number that was given again is somebody else's socket.
TEST_F(OpenConnectionsTest, WhoIsToComeAnewIsClosedAfterItsAnswer) {
  OpenConnections connections(kFour, std::chrono::seconds(10));
  const size_t one = Connect(), other = Connect();
  ASSERT_TRUE(connections.Admit(mine_[one].get(), From(1), start_));
  ASSERT_TRUE(connections.Admit(mine_[other].get(), From(2), start_));
  connections.Retire("ipv4:127.0.0.1:1");
  connections.Retire("ipv4:127.0.0.1:3");
  connections.Sweep(start_);
  EXPECT_EQ(EndedOnes(), 0u);
  connections.Sweep(start_);
  EXPECT_TRUE(Ended(one));
  EXPECT_FALSE(Ended(other));
}

TEST_F(OpenConnectionsTest, ADescriptorThatIsAnotherSocketByNowIsLeftAlone) {
  OpenConnections connections(kFour, std::chrono::seconds(10));
  const size_t first = Connect();
  const int number = mine_[first].get();
  ASSERT_TRUE(connections.Admit(number, From(1), start_));
  const size_t second = Connect();
  ASSERT_EQ(dup2(mine_[second].get(), number), number);
  connections.Sweep(start_ + std::chrono::seconds(60));
  EXPECT_FALSE(Ended(second));
  EXPECT_EQ(connections.size(), 0u);
}

}  // namespace
}  // namespace crossmill::coordinator
