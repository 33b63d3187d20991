#include "coordinator/rpc/overview/farm_watchers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/overview/news_board.h"
#include "coordinator/rpc/overview/overview_service.h"
#include "coordinator/storage/record_store.h"
#include "crossmill/v1/client_service.grpc.pb.h"
#include "tests/support/eventually.h"
#include "tests/support/rpc_fixture.h"

namespace crossmill::coordinator {
namespace {

class FarmWatchersTest : public RpcFixture {
 protected:
  // One call and its client.
  struct Call {
    Call(const std::shared_ptr<grpc::Channel>& channel, int64_t after) {
      // So that a test that waits in vain ends.
      context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
      v1::WatchFarmRequest request;
      request.set_after(after);
      reader = v1::Overview::NewStub(channel)->WatchFarm(&context, request);
    }
    // The next message; of a call that ended an empty one.
    v1::FarmNews Next() {
      v1::FarmNews news;
      if (!reader->Read(&news)) news.Clear();
      return news;
    }
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<v1::FarmNews>> reader;
  };

  void TearDown() override {
    watchers_.Stop();
    server_.reset();
  }
  std::vector<ServedService> MoreServices() override { return {{"crossmill.v1.Overview", &overview_}}; }

  void Note(int64_t id, v1::BuildStatus status, size_t message_bytes = 0) {
    v1::BuildView build;
    build.set_id(id);
    build.set_status(status);
    build.set_message(std::string(message_bytes, static_cast<char>('a' + status)));
    board_.Note(build);
  }

  void NoteOf(const std::string& project, int64_t id) {
    v1::BuildView build;
    build.set_id(id);
    build.set_project(project);
    build.set_status(v1::BUILD_STATUS_RUNNING);
    board_.Note(build);
  }

  std::unique_ptr<storage::RecordStore> records_ = *storage::RecordStore::Open(folder_.Path("record.db"));
  storage::OverviewRecords overview_records_{records_->connection()};
  overview::NewsBoard board_{1000};
  FarmWatchers watchers_{board_, std::chrono::milliseconds(1)};
  OverviewService overview_{overview_records_, watchers_, clock_, authenticator_};
};

TEST_F(FarmWatchersTest, ATokenOfAProjectIsToldOfItsBuildsAloneAndAnOperatorOfAll) {
  Call ours(TcpChannel(kReadToken), 0), all(TcpChannel(kClientToken), 0);
  EXPECT_TRUE(ours.Next().reset());
  EXPECT_TRUE(all.Next().reset());
  NoteOf("shop", 1);
  EXPECT_EQ(all.Next().builds(0).id(), 1);
  NoteOf("", 2);
  // The first message since: of the other build there was none.
  const v1::FarmNews news = ours.Next();
  ASSERT_EQ(news.builds_size(), 1);
  EXPECT_EQ(news.builds(0).id(), 2);
  EXPECT_EQ(all.Next().builds(0).id(), 2);
}

TEST_F(FarmWatchersTest, WhoKnowsNothingIsToldSoAndThenWhatChanges) {
  Note(1, v1::BUILD_STATUS_RUNNING);
  Call call(TcpChannel(kReadToken), 0);
  const v1::FarmNews first = call.Next();
  EXPECT_TRUE(first.reset());
  EXPECT_EQ(first.sequence(), 1001);
  EXPECT_EQ(first.builds_size(), 0);
  Note(2, v1::BUILD_STATUS_QUEUED);
  const v1::FarmNews second = call.Next();
  EXPECT_FALSE(second.reset());
  EXPECT_FALSE(second.workers());
  ASSERT_EQ(second.builds_size(), 1);
  EXPECT_EQ(second.builds(0).id(), 2);
  board_.NoteWorkers();
  const v1::FarmNews third = call.Next();
  EXPECT_TRUE(third.workers());
  EXPECT_EQ(third.builds_size(), 0);
  // Another one goes on where this one is: there is nothing to tell until something changes.
  Call later(TcpChannel(kReadToken), third.sequence());
  Note(1, v1::BUILD_STATUS_SUCCEEDED);
  const v1::FarmNews fourth = later.Next();
  EXPECT_FALSE(fourth.reset());
  ASSERT_EQ(fourth.builds_size(), 1);
  EXPECT_EQ(fourth.builds(0).status(), v1::BUILD_STATUS_SUCCEEDED);
}

TEST_F(FarmWatchersTest, ItTakesTheRoleOfAReader) {
  EXPECT_EQ(Call(TcpChannel(kWorkerToken), 0).reader->Finish().error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(Call(TcpChannel("guess"), 0).reader->Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

// Whoever reads nothing gets the newest states when he does, or that he missed some: nothing waits for him
// here.
TEST_F(FarmWatchersTest, ASlowFollowerMissesStatesAndNoEnd) {
  Call slow(TcpChannel(kReadToken), 0);
  ASSERT_TRUE(slow.Next().reset());
  // More than the connection takes: 64 MB.
  constexpr int kRounds = 64;
  constexpr int kBuilds = 100;
  for (int round = 0; round < kRounds; ++round) {
    for (int build = 1; build <= kBuilds; ++build)
      Note(build, round % 2 == 0 ? v1::BUILD_STATUS_RUNNING : v1::BUILD_STATUS_QUEUED, 10'000);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  for (int build = 1; build <= kBuilds; ++build) Note(build, v1::BUILD_STATUS_SUCCEEDED, 10'000);
  const int64_t last = board_.sequence();
  std::map<int64_t, v1::BuildStatus> known;
  int64_t sequence = 0;
  int told = 0;
  while (sequence < last) {
    const v1::FarmNews news = slow.Next();
    ASSERT_GT(news.sequence(), sequence);
    ASSERT_FALSE(news.reset());
    sequence = news.sequence();
    for (const v1::BuildView& build : news.builds()) known[build.id()] = build.status();
    told += news.builds_size();
  }
  EXPECT_EQ(known.size(), static_cast<size_t>(kBuilds));
  for (const auto& [build, status] : known) EXPECT_EQ(status, v1::BUILD_STATUS_SUCCEEDED) << build;
  EXPECT_LT(told, kRounds * kBuilds) << "states between were left out";
}

TEST_F(FarmWatchersTest, MoreBuildsThanAreKeptAreAReset) {
  Call slow(TcpChannel(kReadToken), board_.sequence());
  Note(1, v1::BUILD_STATUS_RUNNING);
  ASSERT_EQ(slow.Next().builds_size(), 1);
  Call late(TcpChannel(kReadToken), 1000);
  for (int build = 2; build < 1000; ++build) Note(build, v1::BUILD_STATUS_RUNNING);
  Call later(TcpChannel(kReadToken), 1000);
  const v1::FarmNews news = later.Next();
  EXPECT_TRUE(news.reset());
  EXPECT_EQ(news.sequence(), board_.sequence());
}

// All get the same, and whoever goes leaves the others.
TEST_F(FarmWatchersTest, ManyFollowAndSomeGo) {
  std::vector<std::unique_ptr<Call>> calls;
  const std::shared_ptr<grpc::Channel> channel = TcpChannel(kReadToken);
  for (int i = 0; i < 50; ++i) calls.push_back(std::make_unique<Call>(channel, 1000));
  for (size_t i = 0; i < calls.size(); i += 2) calls[i]->context.TryCancel();
  for (int64_t build = 1; build <= 20; ++build) Note(build, v1::BUILD_STATUS_RUNNING);
  for (size_t i = 1; i < calls.size(); i += 2) {
    int64_t sequence = 1000;
    int64_t next = 1;
    while (sequence < 1020) {
      const v1::FarmNews news = calls[i]->Next();
      ASSERT_GT(news.sequence(), sequence);
      for (const v1::BuildView& build : news.builds()) EXPECT_EQ(build.id(), next++);
      sequence = news.sequence();
    }
    EXPECT_EQ(next, 21);
  }
}

TEST_F(FarmWatchersTest, StoppingEndsThemAndSaysWhy) {
  Call waits(TcpChannel(kReadToken), board_.sequence());
  Call told(TcpChannel(kReadToken), 0);
  ASSERT_TRUE(told.Next().reset());
  watchers_.Stop();
  EXPECT_EQ(told.Next().sequence(), 0);
  EXPECT_EQ(told.reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(waits.Next().sequence(), 0);
  EXPECT_EQ(waits.reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Call(TcpChannel(kReadToken), 0).reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace crossmill::coordinator
