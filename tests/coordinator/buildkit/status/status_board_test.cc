#include "coordinator/buildkit/status/status_board.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/fake_clock.h"

namespace crossmill::coordinator::buildkit {
namespace {

// All that a reader gets until the board is closed.
bk::StatusResponse ReadAll(StatusBoard& board) {
  bk::StatusResponse all, response;
  size_t place = 0;
  while (board.Next(&place, &response, {})) all.MergeFrom(response);
  return all;
}

TEST(StatusBoardTest, AVertexIsToldWhenItBeginsAndWhenItEnds) {
  FakeClock clock;
  StatusBoard board(clock);
  const auto vertex = board.Begin("[internal] load build context");
  clock.Advance(absl::Seconds(2));
  vertex->End();
  board.Close("");
  const bk::StatusResponse all = ReadAll(board);
  ASSERT_EQ(all.vertexes_size(), 2);
  EXPECT_EQ(all.vertexes(0).name(), "[internal] load build context");
  EXPECT_FALSE(all.vertexes(0).has_completed());
  EXPECT_EQ(all.vertexes(1).digest(), all.vertexes(0).digest());
  EXPECT_EQ(all.vertexes(1).completed().seconds() - all.vertexes(1).started().seconds(), 2);
}

TEST(StatusBoardTest, EqualNamesAreOtherVertices) {
  FakeClock clock;
  StatusBoard board(clock);
  EXPECT_NE(board.Begin("exporting to image")->digest(), board.Begin("exporting to image")->digest());
}

TEST(StatusBoardTest, TheSameVertexOfAnotherBuildIsAnotherOne) {
  FakeClock clock;
  StatusBoard one(clock, "r1"), other(clock, "r2");
  EXPECT_NE(one.Begin("exporting to image")->digest(), other.Begin("exporting to image")->digest());
}

TEST(StatusBoardTest, WhoDropsAVertexHasFailedIt) {
  FakeClock clock;
  StatusBoard board(clock);
  board.Begin("exporting to image").reset();
  board.Close("");
  EXPECT_FALSE(ReadAll(board).vertexes(1).error().empty());
}

TEST(StatusBoardTest, WhatIsOpenAtTheEndFailsWithTheText) {
  FakeClock clock;
  StatusBoard board(clock);
  const auto vertex = board.Begin("[2/2] RUN sleep 100");
  board.Close("context canceled");
  const bk::StatusResponse all = ReadAll(board);
  EXPECT_EQ(all.vertexes(1).error(), "context canceled");
  EXPECT_TRUE(all.vertexes(1).has_completed());
}

TEST(StatusBoardTest, AReaderThatComesLateReadsEverything) {
  FakeClock clock;
  StatusBoard board(clock);
  const auto vertex = board.Begin("a");
  vertex->Log(1, "one\n");
  vertex->End();
  board.Close("");
  for (int i = 0; i < 2; ++i) {
    const bk::StatusResponse all = ReadAll(board);
    ASSERT_EQ(all.logs_size(), 1);
    EXPECT_EQ(all.logs(0).msg(), "one\n");
    EXPECT_EQ(all.logs(0).stream(), 1);
  }
}

TEST(StatusBoardTest, AReaderWaitsForWhatComes) {
  FakeClock clock;
  StatusBoard board(clock);
  std::jthread writer([&board] {
    board.Begin("a")->End();
    board.Close("");
  });
  EXPECT_EQ(ReadAll(board).vertexes_size(), 2);
}

TEST(StatusBoardTest, AStoppedReaderEnds) {
  FakeClock clock;
  StatusBoard board(clock);
  std::stop_source stop;
  stop.request_stop();
  size_t place = 0;
  bk::StatusResponse response;
  EXPECT_FALSE(board.Next(&place, &response, stop.get_token()));
}

TEST(StatusBoardTest, LogsBeyondTheBoundAreLeftOutOnceSaid) {
  FakeClock clock;
  BoardLimits limits;
  limits.most_bytes = 4096;
  StatusBoard board(clock, "", limits);
  const auto vertex = board.Begin("a");
  for (int i = 0; i < 100; ++i) vertex->Log(1, std::string(200, 'x'));
  vertex->End();
  board.Close("");
  const bk::StatusResponse all = ReadAll(board);
  EXPECT_LT(all.ByteSizeLong(), 8192u);
  int notices = 0;
  for (const bk::VertexLog& log : all.logs()) notices += log.msg().starts_with("[the rest") ? 1 : 0;
  EXPECT_EQ(notices, 1);
  // The vertex still ends.
  EXPECT_TRUE(all.vertexes(all.vertexes_size() - 1).has_completed());
}

TEST(StatusBoardTest, AMessageIsNoLargerThanItsBound) {
  FakeClock clock;
  BoardLimits limits;
  limits.message_bytes = 1000;
  StatusBoard board(clock, "", limits);
  const auto vertex = board.Begin("a");
  vertex->Log(2, std::string(5000, 'x'));
  vertex->End();
  board.Close("");
  bk::StatusResponse response;
  size_t place = 0, bytes = 0;
  while (board.Next(&place, &response, {})) {
    EXPECT_LT(response.ByteSizeLong(), 1300u);
    for (const bk::VertexLog& log : response.logs()) bytes += log.msg().size();
  }
  EXPECT_EQ(bytes, 5000u);
}

TEST(StatusBoardTest, CountsAreToldNowAndThenAndAtTheEnd) {
  FakeClock clock;
  StatusBoard board(clock);
  const auto vertex = board.Begin("a");
  for (int i = 0; i < 50; ++i) vertex->Status("transferring context:", i, 50, false);
  vertex->Status("transferring context:", 50, 50, true);
  vertex->End();
  board.Close("");
  const bk::StatusResponse all = ReadAll(board);
  ASSERT_EQ(all.statuses_size(), 2);
  EXPECT_EQ(all.statuses(1).current(), 50);
  EXPECT_TRUE(all.statuses(1).has_completed());
}

TEST(StatusBoardTest, NamesAreValidTextWhateverTheyAreMadeOf) {
  FakeClock clock;
  StatusBoard board(clock);
  board.Begin("a\xff")->Fail("b\xff");
  board.Close("");
  std::string bytes;
  EXPECT_TRUE(ReadAll(board).SerializeToString(&bytes));
  EXPECT_EQ(bytes.find('\xff'), std::string::npos);
}

}  // namespace
}  // namespace crossmill::coordinator::buildkit
