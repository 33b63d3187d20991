#include "coordinator/submissions/file_submissions.h"

#include <gtest/gtest.h>

#include "tests/common/fetch/repository.h"
#include "tests/support/fake_clock.h"
#include "tests/support/random_bytes.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tar_text.h"

namespace crossmill::coordinator {
namespace {

class FileSubmissionsTest : public ::testing::Test {
 protected:
  std::unique_ptr<FileSubmissions> Make() {
    options_.scratch_folder = folder_.Path("scratch");
    options_.allow_local_git = true;
    const AdmitBuild admit = [this](const v1::BuildSubmission&, const std::string&,
                                    const std::vector<v1::Secret>&) -> absl::StatusOr<AdmittedBuild> {
      return AdmittedBuild{++builds_, false};
    };
    return std::make_unique<FileSubmissions>(*blobs_, clock_, admit, options_);
  }
  static v1::SubmitFilesRequest Request() {
    v1::SubmitFilesRequest request;
    request.add_platforms("linux/amd64");
    return request;
  }
  v1::SubmitFilesRequest GitRequest() {
    v1::SubmitFilesRequest request = Request();
    request.set_git(repository_.url());
    return request;
  }
  // When it has ended.
  static v1::Submission End(FileSubmissions& submissions, const v1::Submission& begun) {
    const auto state = submissions.Find(begun.id(), absl::Seconds(60), {});
    EXPECT_OK(state.status());
    return state.ok() ? *state : v1::Submission();
  }

  const std::string tar_ =
      TarText().Add("Dockerfile", layer::EntryType::kFile, "FROM scratch\nCOPY . /\n").Finish();
  TemporaryFolder folder_ = *TemporaryFolder::Create();
  fetch::Repository repository_;
  FakeClock clock_;
  std::unique_ptr<BlobStore> blobs_ = MakeMemoryBlobStore();
  FileSubmissionsOptions options_;
  int64_t builds_ = 0;
};

TEST_F(FileSubmissionsTest, AnArchiveHasItsPlaceUntilItsFilesAreGone) {
  options_.archives = 1;
  const auto submissions = Make();
  auto first = submissions->Unpack(layer::SourceOf(tar_), {});
  ASSERT_OK(first);
  EXPECT_TRUE(absl::IsUnavailable(submissions->Unpack(layer::SourceOf(tar_), {}).status()));
  const std::string scratch = first->scratch.path();
  ASSERT_OK(submissions->SubmitArchive(*std::move(first), Request(), {}));
  EXPECT_FALSE(Exists(scratch));
  auto second = submissions->Unpack(layer::SourceOf(tar_), {});
  ASSERT_OK(second);
  second = absl::CancelledError("dropped");
  // One that fails gives its place back, too.
  EXPECT_FALSE(submissions->Unpack(layer::SourceOf("no tar"), {}).ok());
  EXPECT_OK(submissions->Unpack(layer::SourceOf(tar_), {}));
}

TEST_F(FileSubmissionsTest, WhatIsCancelledIsNoBuild) {
  const auto submissions = Make();
  std::stop_source stop;
  auto archive = submissions->Unpack(layer::SourceOf(tar_), stop.get_token());
  ASSERT_OK(archive);
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(
      submissions->SubmitArchive(*std::move(archive), Request(), stop.get_token()).status()));
  auto late = submissions->Unpack(layer::SourceOf(tar_), {});
  ASSERT_OK(late);
  submissions->Stop();
  EXPECT_TRUE(absl::IsCancelled(submissions->SubmitArchive(*std::move(late), Request(), {}).status()));
  EXPECT_EQ(builds_, 0);
}

TEST_F(FileSubmissionsTest, AFetchThatIsABuildAlreadyExists) {
  repository_.Write("Dockerfile", "FROM scratch\n");
  repository_.Commit("one");
  const auto submissions = Make();
  v1::SubmitFilesRequest request = GitRequest();
  request.set_idempotency_key("key");
  const auto begun = submissions->SubmitGit(request);
  ASSERT_OK(begun);
  EXPECT_FALSE(begun->existing());
  const v1::Submission ended = End(*submissions, *begun);
  ASSERT_EQ(ended.state(), v1::SUBMISSION_STATE_SUBMITTED) << ended.message();
  EXPECT_FALSE(ended.existing());
  const auto again = submissions->SubmitGit(request);
  ASSERT_OK(again);
  EXPECT_TRUE(again->existing());
  EXPECT_EQ(again->build_id(), ended.build_id());
  EXPECT_FALSE(submissions->Find(begun->id(), {}, {})->existing()) << "who asks for the first one";
  request.set_no_cache(true);
  EXPECT_EQ(submissions->SubmitGit(request).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(builds_, 1);
}

TEST_F(FileSubmissionsTest, KeysThatAreLongAreRefused) {
  const auto submissions = Make();
  v1::SubmitFilesRequest request = GitRequest();
  request.set_idempotency_key(std::string(257, 'k'));
  EXPECT_TRUE(absl::IsInvalidArgument(submissions->SubmitGit(request).status()));
  request.clear_git();
  auto archive = submissions->Unpack(layer::SourceOf(tar_), {});
  ASSERT_OK(archive);
  EXPECT_TRUE(absl::IsInvalidArgument(submissions->SubmitArchive(*std::move(archive), request, {}).status()));
}

TEST_F(FileSubmissionsTest, ACheckoutThatIsTooLargeIsNoBuild) {
  repository_.Write("Dockerfile", "FROM scratch\n");
  repository_.Write("large", RandomBytes(3 << 20));
  repository_.Commit("large");
  options_.most_bytes = 1 << 20;
  // Nobody looks while it grows.
  options_.look = std::chrono::hours(1);
  const auto submissions = Make();
  const auto begun = submissions->SubmitGit(GitRequest());
  ASSERT_OK(begun);
  const v1::Submission ended = End(*submissions, *begun);
  EXPECT_EQ(ended.state(), v1::SUBMISSION_STATE_FAILED);
  EXPECT_EQ(ended.code(), "RESOURCE_EXHAUSTED") << ended.message();
  EXPECT_EQ(builds_, 0);
}

TEST_F(FileSubmissionsTest, AFetchThatTakesTooLongFails) {
  repository_.Write("Dockerfile", "FROM scratch\n");
  repository_.Commit("one");
  options_.time_limit = absl::Milliseconds(1);
  const auto submissions = Make();
  const auto begun = submissions->SubmitGit(GitRequest());
  ASSERT_OK(begun);
  const v1::Submission ended = End(*submissions, *begun);
  EXPECT_EQ(ended.state(), v1::SUBMISSION_STATE_FAILED) << "nobody cancelled it";
  EXPECT_EQ(ended.code(), "DEADLINE_EXCEEDED") << ended.message();
}

}  // namespace
}  // namespace crossmill::coordinator
