#include "coordinator/storage/log_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/files.h"
#include "tests/support/status_matchers.h"

namespace crossmill::storage {
namespace {

using ::testing::ElementsAre;

class LogLinesTest : public ::testing::Test {
 protected:
  void Append(const std::string& data) {
    v1::LogChunk chunk;
    chunk.set_time(++time_);
    chunk.set_data(data);
    ASSERT_OK(store_.Append(1, chunk));
  }
  v1::ListLogLinesResponse List(int64_t offset = 0, int limit = 0, const std::string& search = "",
                                bool regex = false) {
    v1::ListLogLinesRequest request;
    request.set_execution(1);
    request.set_offset(offset);
    request.set_limit(limit);
    request.set_search(search);
    request.set_regex(regex);
    const auto response = lines_.List(request);
    EXPECT_OK(response);
    return response.ok() ? *response : v1::ListLogLinesResponse();
  }
  static std::vector<std::string> TextsOf(const v1::ListLogLinesResponse& response) {
    std::vector<std::string> texts;
    for (const v1::LogLine& line : response.lines()) texts.push_back(line.text());
    return texts;
  }

  TemporaryFolder folder_ = *TemporaryFolder::Create();
  LogStore store_{folder_.Path("logs")};
  LogLines lines_{store_};
  int64_t time_ = 0;
};

TEST_F(LogLinesTest, LinesGoOverTheEndsOfChunks) {
  Append("a\nb");
  Append("c\r\n");
  Append("\nlast");
  const v1::ListLogLinesResponse all = List();
  EXPECT_THAT(TextsOf(all), ElementsAre("a", "bc", "", "last"));
  EXPECT_EQ(all.lines(1).number(), 2);
  EXPECT_EQ(all.lines(1).time(), 1) << "of its first byte";
  EXPECT_EQ(all.total_lines(), 4);
  EXPECT_EQ(all.next_offset(), 4);
  EXPECT_FALSE(all.more());
}

TEST_F(LogLinesTest, WhatComesLaterIsSeen) {
  Append("one\ntw");
  EXPECT_EQ(List().total_lines(), 2);
  Append("o\nthree\n");
  EXPECT_THAT(TextsOf(List(1)), ElementsAre("two", "three"));
  EXPECT_EQ(List().total_lines(), 3);
}

TEST_F(LogLinesTest, PagesOfALongLogBeginAnywhere) {
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    for (int j = 0; j < 20; ++j) text += fmt::format("line {} {}\n", i * 20 + j + 1, std::string(40, 'x'));
    // Chunks that end where a line does are where pages can begin to be read.
    Append(text);
  }
  for (const int64_t offset : {0, 1, 777, 30'000, 59'998}) {
    const v1::ListLogLinesResponse page = List(offset, 2);
    ASSERT_EQ(page.lines_size(), 2);
    EXPECT_EQ(page.lines(0).number(), offset + 1);
    EXPECT_TRUE(page.lines(0).text().starts_with(fmt::format("line {} ", offset + 1)));
    EXPECT_EQ(page.more(), offset != 59'998);
  }
  const v1::ListLogLinesResponse found = List(100, 3, "LINE 500");
  EXPECT_EQ(found.lines(0).number(), 500);
  EXPECT_EQ(found.lines(1).number(), 5000);
  EXPECT_TRUE(List(100'000).lines().empty());
}

TEST_F(LogLinesTest, SearchIsTextOrExpression) {
  Append("a.c\nabc\nA.C\n");
  EXPECT_THAT(TextsOf(List(0, 0, "a.c")), ElementsAre("a.c", "A.C"));
  EXPECT_THAT(TextsOf(List(0, 0, "^a.c$", true)), ElementsAre("a.c", "abc"));
  v1::ListLogLinesRequest request;
  request.set_execution(1);
  request.set_search("(");
  request.set_regex(true);
  EXPECT_EQ(lines_.List(request).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(LogLinesTest, ALongLineIsCutAndNoUtf8IsReplaced) {
  Append(std::string(20'000, 'y'));
  Append(std::string(20'000, 'y') + "\n\xff\n");
  const v1::ListLogLinesResponse all = List();
  EXPECT_EQ(all.lines(0).text().size(), 16'384u);
  EXPECT_TRUE(all.lines(0).cut());
  EXPECT_EQ(all.lines(1).text(), "\xEF\xBF\xBD");
  EXPECT_EQ(all.total_lines(), 2);
}

TEST_F(LogLinesTest, NoLogHasNoLines) {
  EXPECT_EQ(List().total_lines(), 0);
  EXPECT_FALSE(List(5).more());
}

}  // namespace
}  // namespace crossmill::storage
