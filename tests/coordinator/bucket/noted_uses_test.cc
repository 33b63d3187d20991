#include "coordinator/bucket/noted_uses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/digest.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAre;
using Uses = std::vector<NotedUses::Use>;

constexpr int64_t kSecond = 1'000'000'000;

BlobName Named(std::string_view text) { return NameOfHash(Sha256Hex(text)); }

class NotedUsesTest : public testing::Test {
 protected:
  // What a process that starts now finds.
  Uses Left() {
    Uses left;
    auto noted = NotedUses::Open(path_, &left);
    EXPECT_OK(noted);
    if (noted.ok()) noted_ = *std::move(noted);
    return left;
  }
  static NotedUses::Use Read(std::string_view text, int64_t used_at) {
    return {Named(text), used_at + NotedUses::kCloseBy};
  }

  const TemporaryFolder folder_ = *TemporaryFolder::Create();
  const std::string path_ = folder_.Path("uses");
  std::unique_ptr<NotedUses> noted_;
};

TEST_F(NotedUsesTest, WhatWasNotedIsReadBackAsALittleLater) {
  EXPECT_THAT(Left(), IsEmpty());
  noted_->Note({{Named("a"), 5 * kSecond}, {Named("b"), 6 * kSecond}});
  EXPECT_THAT(Left(), UnorderedElementsAre(Read("a", 5 * kSecond), Read("b", 6 * kSecond)));
}

TEST_F(NotedUsesTest, UsesCloseToOneAnotherAreNotedOnce) {
  Left();
  noted_->Note({{Named("a"), 5 * kSecond}});
  noted_->Note({{Named("a"), 5 * kSecond + NotedUses::kCloseBy - 1}, {Named("a"), 3 * kSecond}});
  noted_->Note({{Named("a"), 5 * kSecond + NotedUses::kCloseBy}});
  EXPECT_THAT(Left(), UnorderedElementsAre(Read("a", 5 * kSecond), Read("a", 6 * kSecond)));
}

TEST_F(NotedUsesTest, WhatIsNotedWhileTheIndexIsWrittenStays) {
  Left();
  noted_->Note({{Named("a"), 5 * kSecond}});
  ASSERT_OK(noted_->Begin());
  // Who wrote the index may have read the use before this one.
  noted_->Note({{Named("a"), 5 * kSecond + 1}});
  ASSERT_OK(noted_->Forget());
  EXPECT_THAT(Left(), UnorderedElementsAre(Read("a", 5 * kSecond + 1)));
  ASSERT_OK(noted_->Begin());
  ASSERT_OK(noted_->Forget());
  EXPECT_THAT(Left(), IsEmpty());
}

TEST_F(NotedUsesTest, WithoutAnIndexThatIsWrittenNothingIsForgotten) {
  Left();
  noted_->Note({{Named("a"), 5 * kSecond}});
  ASSERT_OK(noted_->Begin());
  noted_->Note({{Named("b"), 6 * kSecond}});
  ASSERT_OK(noted_->Begin());
  noted_->Note({{Named("c"), 7 * kSecond}});
  EXPECT_THAT(Left(),
              UnorderedElementsAre(Read("a", 5 * kSecond), Read("b", 6 * kSecond), Read("c", 7 * kSecond)));
}

TEST_F(NotedUsesTest, HalfALineIsPassedOverAndWhatFollowsIsNot) {
  ASSERT_OK(WriteFileAtomic(path_, Sha256Hex("a") + " 5000000000\nno hash 7\n" + Sha256Hex("b") + " 60"));
  EXPECT_THAT(Left(), UnorderedElementsAre(Read("a", 5 * kSecond)));
  noted_->Note({{Named("c"), 7 * kSecond}});
  const Uses left = Left();
  EXPECT_THAT(left, testing::Contains(Read("c", 7 * kSecond)));
  EXPECT_THAT(left, testing::Contains(Read("a", 5 * kSecond)));
}

}  // namespace
}  // namespace crossmill::coordinator
