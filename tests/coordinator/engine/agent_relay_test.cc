#include "coordinator/engine/agent_relay.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class AgentRelayTest : public ::testing::Test {
 protected:
  // What the client is told next, at once.
  std::optional<AgentFrame> Told() {
    bool over = false;
    return client_->Next(milliseconds(0), &over);
  }
  std::shared_ptr<AgentChannel> Open(const std::string& ssh_id = "default") {
    auto channel = relay_.Open(7, ssh_id);
    EXPECT_OK(channel);
    return *channel;
  }
  void Answer(uint64_t channel, std::string data, bool end = false) {
    client_->Deliver({.channel = channel, .data = std::move(data), .end = end});
  }
  static std::optional<v1::ForwardFrame> Received(AgentChannel& channel, bool* over = nullptr) {
    bool ignored = false;
    return channel.Receive(milliseconds(0), over == nullptr ? &ignored : over);
  }

  AgentRelay relay_;
  std::shared_ptr<AttachedClient> client_ = relay_.Attach(7, {"default", "github"});
};

TEST_F(AgentRelayTest, BytesPassBothWaysAndBothEndsEndTheConnection) {
  const auto channel = Open("github");
  const auto opened = Told();
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->ssh_id, "github");
  EXPECT_TRUE(channel->Send("question"));
  channel->SendEnd();
  EXPECT_EQ(Told()->data, "question");
  EXPECT_TRUE(Told()->end);
  EXPECT_FALSE(Told());
  Answer(opened->channel, "answer", true);
  EXPECT_EQ(Received(*channel)->data(), "answer");
  EXPECT_TRUE(Received(*channel)->end());
  bool over = false;
  EXPECT_FALSE(Received(*channel, &over));
  EXPECT_TRUE(over);
  EXPECT_OK(channel->status());
}

TEST_F(AgentRelayTest, NobodyOffersIt) {
  EXPECT_EQ(relay_.Open(7, "other").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(relay_.Open(8, "default").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(relay_.Offers(7, "default"));
  relay_.Detach(client_);
  EXPECT_FALSE(relay_.Offers(7, "default"));
}

TEST_F(AgentRelayTest, ClientThatGoesEndsItsConnectionsWithTheReason) {
  const auto channel = Open();
  std::jthread leaving([&] {
    std::this_thread::sleep_for(milliseconds(20));
    relay_.Detach(client_);
  });
  bool over = false;
  for (int i = 0; i < 100 && !over; ++i) EXPECT_FALSE(channel->Receive(milliseconds(100), &over));
  EXPECT_TRUE(over);
  EXPECT_EQ(channel->status().code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(channel->Send("too late"));
}

TEST_F(AgentRelayTest, WorkerWaitsForAClientThatDoesNotRead) {
  const auto channel = Open();
  const std::string piece(AgentChannel::kMaxWaitingBytes, 'x');
  ASSERT_TRUE(channel->Send(piece));
  std::atomic<bool> sent = false;
  std::jthread sender([&] { sent = channel->Send(piece); });
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_FALSE(sent) << "more than the limit is waiting";
  EXPECT_TRUE(Told()->data.empty()) << "the opening";
  EXPECT_EQ(Told()->data.size(), piece.size());
  sender.join();
  EXPECT_TRUE(sent);
}

TEST_F(AgentRelayTest, WorkerThatDoesNotReadLosesOnlyItsOwnConnection) {
  const auto slow = Open();
  const auto other = Open();
  const uint64_t slow_number = Told()->channel;
  const uint64_t other_number = Told()->channel;
  Answer(slow_number, std::string(AgentChannel::kMaxWaitingBytes, 'x'));
  Answer(slow_number, "more");
  Answer(other_number, "answer");
  EXPECT_EQ(slow->status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Received(*other)->data(), "answer");
  const auto told = Told();
  ASSERT_TRUE(told) << "the client hears that it may hang up";
  EXPECT_EQ(told->channel, slow_number);
  EXPECT_TRUE(told->end);
}

TEST_F(AgentRelayTest, ChannelsTakeTurns) {
  const auto first = Open();
  const auto second = Open();
  const uint64_t number = Told()->channel;
  Told();
  for (int i = 0; i < 3; ++i) first->Send("first");
  second->Send("second");
  EXPECT_EQ(Told()->channel, number);
  EXPECT_NE(Told()->channel, number) << "the other is not behind all of it";
}

TEST_F(AgentRelayTest, StepThatHangsUpIsTold) {
  const auto channel = Open();
  const uint64_t number = Told()->channel;
  channel->Close();
  const auto told = Told();
  ASSERT_TRUE(told);
  EXPECT_EQ(told->channel, number);
  EXPECT_TRUE(told->end);
  Answer(number, "nobody is there");
}

TEST_F(AgentRelayTest, TheClientThatAttachedLastAnswers) {
  const auto again = relay_.Attach(7, {"default"});
  Open();
  EXPECT_FALSE(Told());
  bool over = false;
  EXPECT_TRUE(again->Next(milliseconds(0), &over));
}

TEST_F(AgentRelayTest, EndOfTheBuildEndsTheStream) {
  relay_.CloseBuild(7);
  bool over = false;
  EXPECT_FALSE(client_->Next(seconds(20), &over));
  EXPECT_TRUE(over);
  relay_.CloseAll();
  EXPECT_FALSE(relay_.Attach(9, {})->Next(seconds(20), &over));
  EXPECT_TRUE(over) << "attached while the coordinator stops";
}

}  // namespace
}  // namespace crossmill::coordinator
