#include <gtest/gtest.h>

#include "coordinator/backup/checking.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::backup {
namespace {

std::string Frame(const std::string& text) {
  v1::LogChunk chunk;
  chunk.set_data(text);
  const std::string bytes = chunk.SerializeAsString();
  std::string frame;
  for (size_t size = bytes.size();; size >>= 7) {
    frame.push_back(static_cast<char>((size & 0x7f) | (size >= 0x80 ? 0x80 : 0)));
    if (size < 0x80) break;
  }
  return frame + bytes;
}

TEST(WholeMessagesTest, AWholeLogIsWhole) {
  const std::string log = Frame("one") + Frame(std::string(300, 'x')) + Frame("three");
  EXPECT_EQ(WholeMessages(log), static_cast<int64_t>(log.size()));
  EXPECT_EQ(WholeMessages(""), 0);
}

TEST(WholeMessagesTest, ATornEndIsFoundWhereverItIsTorn) {
  const std::string first = Frame("one");
  const std::string second = Frame(std::string(300, 'x'));
  for (size_t length = 1; length < second.size(); ++length)
    EXPECT_EQ(WholeMessages(first + second.substr(0, length)), static_cast<int64_t>(first.size())) << length;
}

TEST(WholeMessagesTest, ZerosOfAPowerFailureAndLyingSizesAreNoMessages) {
  const std::string first = Frame("one");
  EXPECT_EQ(WholeMessages(first + std::string(64, '\0')), static_cast<int64_t>(first.size()));
  EXPECT_EQ(WholeMessages(first + std::string(10, '\xff')), static_cast<int64_t>(first.size()));
  EXPECT_EQ(WholeMessages(first + "\x05\xff\xff\xff\xff\xff"), static_cast<int64_t>(first.size()));
}

}  // namespace
}  // namespace crossmill::backup
