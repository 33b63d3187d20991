#include "coordinator/rpc/connections/connection_budget.h"

#include <gtest/gtest.h>

#include "coordinator/rpc/connections/door_shares.h"
#include "coordinator/rpc/connections/open_connections.h"

namespace crossmill::coordinator {
namespace {

constexpr ConnectionLimits kFew = {
    .most = 10, .most_of_peer = 6, .most_unknown = 5, .most_unknown_of_peer = 3};

TEST(ConnectionBudgetTest, OfOneAddressOneWithoutTokenGoesForTheNext) {
  ConnectionBudget budget(kFew);
  for (uint64_t id = 1; id <= 3; ++id) {
    const auto answer = budget.Admit(id, "a");
    EXPECT_TRUE(answer.admitted);
    EXPECT_EQ(answer.evicted, 0u);
  }
  const auto fourth = budget.Admit(4, "a");
  EXPECT_TRUE(fourth.admitted);
  EXPECT_GE(fourth.evicted, 1u);
  EXPECT_LE(fourth.evicted, 3u);
  EXPECT_EQ(budget.unknown(), 3u);
  // What is being closed has its descriptor still.
  EXPECT_EQ(budget.size(), 4u);
  budget.Forget(fourth.evicted);
  EXPECT_EQ(budget.size(), 3u);
}

TEST(ConnectionBudgetTest, WhoHasShownATokenStays) {
  ConnectionBudget budget(kFew);
  for (uint64_t id = 1; id <= 3; ++id) {
    ASSERT_TRUE(budget.Admit(id, "a").admitted);
    budget.Know(id);
    EXPECT_FALSE(budget.IsUnknown(id));
  }
  for (uint64_t id = 4; id < 200; ++id) {
    const auto answer = budget.Admit(id, "a");
    EXPECT_TRUE(answer.evicted == 0 || answer.evicted > 3) << answer.evicted;
    if (answer.evicted != 0) budget.Forget(answer.evicted);
  }
  EXPECT_EQ(budget.size(), 6u);
}

TEST(ConnectionBudgetTest, OneAddressLeavesRoomForOthers) {
  ConnectionBudget budget(kFew);
  for (uint64_t id = 1; id <= 6; ++id) {
    ASSERT_TRUE(budget.Admit(id, "a").admitted);
    budget.Know(id);
  }
  const auto more = budget.Admit(7, "a");
  EXPECT_FALSE(more.admitted);
  EXPECT_EQ(more.evicted, 0u);
  EXPECT_TRUE(budget.Admit(8, "b").admitted);
}

// A flood from many places costs who has most of them, never a place with one.
TEST(ConnectionBudgetTest, WhereAllIsTakenThePlaceWithMostUnknownOnesPays) {
  ConnectionBudget budget(kFew);
  ASSERT_TRUE(budget.Admit(1, "quiet").admitted);
  for (uint64_t id = 2; id <= 4; ++id) ASSERT_TRUE(budget.Admit(id, "loud").admitted);
  ASSERT_TRUE(budget.Admit(5, "other").admitted);
  const auto answer = budget.Admit(6, "new");
  EXPECT_TRUE(answer.admitted);
  EXPECT_GE(answer.evicted, 2u);
  EXPECT_LE(answer.evicted, 4u);
}

TEST(ConnectionBudgetTest, ThereAreNeverMoreThanTheMostWhateverIsBeingClosed) {
  ConnectionBudget budget({.most = 4, .most_of_peer = 100, .most_unknown = 2, .most_unknown_of_peer = 2});
  int admitted = 0;
  for (uint64_t id = 1; id <= 50; ++id) {
    if (budget.Admit(id, "a").admitted) ++admitted;
    ASSERT_LE(budget.size(), 4u);
  }
  EXPECT_EQ(admitted, 4);
  // Those that were closed make room when they are gone.
  for (uint64_t id = 1; id <= 50; ++id) budget.Forget(id);
  EXPECT_EQ(budget.size(), 0u);
  EXPECT_EQ(budget.unknown(), 0u);
  EXPECT_TRUE(budget.Admit(51, "a").admitted);
}

TEST(ConnectionBudgetTest, OneWhoKeepsComingBackMayStay) {
  // Under a flood a newcomer is not simply the next to go: that is left to chance.
  ConnectionBudget budget(
      {.most = 1000, .most_of_peer = 1000, .most_unknown = 100, .most_unknown_of_peer = 100});
  uint64_t next = 1;
  const auto flood = [&](int count) {
    for (int i = 0; i < count; ++i) {
      const auto answer = budget.Admit(next++, "a");
      if (answer.evicted != 0) budget.Forget(answer.evicted);
    }
  };
  flood(100);
  int lived = 0;
  for (int i = 0; i < 200; ++i) {
    const uint64_t mine = next++;
    const auto answer = budget.Admit(mine, "a");
    if (answer.evicted != 0) budget.Forget(answer.evicted);
    flood(100);
    if (budget.IsUnknown(mine)) ++lived;
  }
  // exp(-1) of 200 are 74.
  EXPECT_GT(lived, 40);
  EXPECT_LT(lived, 110);
}

TEST(PeerGroupTest, IsAnAddressOrANetworkOfIpv6) {
  EXPECT_EQ(PeerGroup("10.1.2.3"), "10.1.2.3");
  EXPECT_EQ(PeerGroup("::ffff:10.1.2.3"), "10.1.2.3");
  EXPECT_EQ(PeerGroup("2001:db8:1:2:3:4:5:6"), PeerGroup("2001:db8:1:2::9"));
  EXPECT_NE(PeerGroup("2001:db8:1:2::9"), PeerGroup("2001:db8:1:3::9"));
  EXPECT_EQ(PeerGroup("fe80::1%eth0"), PeerGroup("fe80::1%eth1"));
  EXPECT_EQ(PeerGroup(""), "");
}

TEST(EndpointOfTest, IsTheSameOfGrpcsNameAndOfTheAddress) {
  EXPECT_EQ(EndpointOf("ipv4:127.0.0.1:123"), "127.0.0.1 123");
  EXPECT_EQ(EndpointOf("ipv6:%5B::1%5D:123"), "::1 123");
  EXPECT_EQ(EndpointOf("ipv6:[::1]:123"), "::1 123");
  EXPECT_EQ(EndpointOf("ipv6:%5Bfe80::1%25eth0%5D:5"), "fe80::1 5");
  EXPECT_EQ(EndpointOf("unix:/tmp/socket"), "");
  EXPECT_EQ(EndpointOf("inproc"), "");
  EXPECT_EQ(EndpointOf("ipv4:"), "");
}

TEST(DoorSharesTest, SomeAreKeptForTheStoreAndTheUnixSocket) {
  const DoorSettings settings;
  for (const size_t descriptors : {8u, 64u, 256u, 1024u, 4096u, 20'000u, 1'000'000u}) {
    const DoorShares shares = ShareDescriptors(settings, descriptors);
    EXPECT_LE(shares.tcp.most + shares.http.most + shares.local, descriptors) << descriptors;
    EXPECT_GE(shares.local, 1u) << descriptors;
    for (const ConnectionLimits& door : {shares.tcp, shares.http}) {
      EXPECT_GE(door.most_unknown_of_peer, 1u) << descriptors;
      EXPECT_LE(door.most_unknown_of_peer, door.most_unknown) << descriptors;
      EXPECT_LE(door.most_unknown, door.most) << descriptors;
      EXPECT_LE(door.most_of_peer, door.most) << descriptors;
    }
  }
  const DoorShares usual = ShareDescriptors(settings, 1024);
  EXPECT_EQ(usual.tcp.most + usual.http.most, 767u);
  EXPECT_EQ(usual.local, 128u);
  EXPECT_EQ(ShareDescriptors(settings, 20'000).tcp.most, settings.tcp.most);
}

}  // namespace
}  // namespace crossmill::coordinator
