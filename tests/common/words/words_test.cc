#include "common/words/words.h"

#include <gtest/gtest.h>

namespace crossmill {
namespace {

TEST(WordsTest, AStageInASentenceDoesNotStutter) {
  EXPECT_EQ(StagePhrase("builder"), "stage builder");
  EXPECT_EQ(StagePhrase("stage-2"), "stage-2");
  EXPECT_EQ(StagePhrase("stage-two"), "stage stage-two");
}

}  // namespace
}  // namespace crossmill
