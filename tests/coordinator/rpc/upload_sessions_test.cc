#include "coordinator/rpc/upload_sessions.h"

#include <gmock/gmock.h>
#include <grpcpp/server_context.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "common/base/status.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using testing::HasSubstr;

class UploadSessionsTest : public testing::Test {
 protected:
  // An upload that was interrupted after so many bytes.
  void Interrupt(UploadSessions& sessions, const UploadSessions::Key& key, int64_t bytes) {
    ASSERT_OK(sessions.Take(key, absl::ZeroDuration()));
    sessions.Put(key, {*blobs_->Create({}), bytes});
    clock_.Advance(absl::Seconds(1));
  }

  FakeClock clock_;
  std::unique_ptr<BlobStore> blobs_ = MakeMemoryBlobStore();
};

TEST_F(UploadSessionsTest, AClientHasSoManyStreamsAndOthersTheirs) {
  UploadSessions sessions(clock_, {.streams = 2});
  grpc::ServerContext context;
  auto first = sessions.Open("ci", &context);
  ASSERT_OK(first);
  {
    const auto second = sessions.Open("ci", &context);
    ASSERT_OK(second);
    const auto third = sessions.Open("ci", &context);
    EXPECT_TRUE(absl::IsResourceExhausted(third.status()));
    EXPECT_THAT(std::string(Sv(third.status().message())), HasSubstr("'ci' has 2 uploads under way"));
    EXPECT_OK(sessions.Open("other", &context));
  }
  EXPECT_OK(sessions.Open("ci", &context));
}

TEST_F(UploadSessionsTest, WhatIsTooMuchOfAClientGoesFromTheLongestUntouchedOn) {
  UploadSessions sessions(clock_, {.kept = 2, .kept_bytes = 100});
  Interrupt(sessions, {"ci", "a"}, 10);
  Interrupt(sessions, {"ci", "b"}, 10);
  Interrupt(sessions, {"other", "a"}, 90);
  Interrupt(sessions, {"ci", "c"}, 10);
  EXPECT_EQ(sessions.Committed({"ci", "a"}), std::nullopt);
  EXPECT_EQ(sessions.Committed({"ci", "b"}), 10);
  EXPECT_EQ(sessions.Committed({"ci", "c"}), 10);
  EXPECT_EQ(sessions.Committed({"other", "a"}), 90);
  Interrupt(sessions, {"ci", "d"}, 95);
  EXPECT_EQ(sessions.Committed({"ci", "b"}), std::nullopt);
  EXPECT_EQ(sessions.Committed({"ci", "c"}), std::nullopt);
  EXPECT_EQ(sessions.Committed({"ci", "d"}), 95);
  // One that is larger than all is not kept at all.
  Interrupt(sessions, {"ci", "e"}, 101);
  EXPECT_EQ(sessions.Committed({"ci", "e"}), std::nullopt);
}

TEST_F(UploadSessionsTest, OneThatIsBeingWrittenStays) {
  UploadSessions sessions(clock_, {.kept = 1});
  ASSERT_OK(sessions.Take({"ci", "a"}, absl::ZeroDuration()));
  Interrupt(sessions, {"ci", "b"}, 1);
  Interrupt(sessions, {"ci", "c"}, 1);
  EXPECT_EQ(sessions.Committed({"ci", "a"}), 0);
  EXPECT_EQ(sessions.Committed({"ci", "b"}), std::nullopt);
  EXPECT_EQ(sessions.Committed({"ci", "c"}), 1);
}

TEST_F(UploadSessionsTest, WhatWasInterruptedGoesByTimeThoughNobodyUploads) {
  UploadSessions sessions(clock_, {.kept_seconds = 60});
  Interrupt(sessions, {"ci", "a"}, 10);
  sessions.Sweep();
  EXPECT_EQ(sessions.Committed({"ci", "a"}), 10);
  clock_.Advance(absl::Seconds(61));
  sessions.Sweep();
  EXPECT_EQ(sessions.Committed({"ci", "a"}), std::nullopt);
}

TEST_F(UploadSessionsTest, NobodyGoesOnWithAnothersUpload) {
  UploadSessions sessions(clock_);
  Interrupt(sessions, {"ci", "a"}, 10);
  EXPECT_EQ(sessions.Committed({"other", "a"}), std::nullopt);
  const auto taken = sessions.Take({"other", "a"}, absl::ZeroDuration());
  ASSERT_OK(taken);
  EXPECT_FALSE(taken->has_value());
}

}  // namespace
}  // namespace crossmill::coordinator
