#include "coordinator/submissions/submission_request.h"

#include <gtest/gtest.h>

#include "common/words/platform.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

v1::SubmitFilesRequest Request() {
  v1::SubmitFilesRequest request;
  request.add_platforms("linux/amd64");
  return request;
}

TEST(SubmissionRequestTest, FieldsBecomeOptionsAndRecipe) {
  v1::SubmitFilesRequest request = Request();
  request.add_platforms("linux/arm64,linux/arm/v7");
  request.add_tags("a:1");
  request.set_verify(2);
  request.set_no_cache(true);
  request.set_target("run");
  request.add_build_args("A=b=c");
  request.add_build_args("EMPTY=");
  request.mutable_options()->set_timeout(60);
  request.add_secrets()->set_id("token");
  const auto submission = SubmissionOf(request);
  ASSERT_OK(submission.status());
  const v1::BuildOptions& options = submission->options();
  ASSERT_EQ(options.platforms_size(), 3);
  EXPECT_EQ(FormatPlatform(options.platforms(2)), "linux/arm/v7");
  EXPECT_EQ(options.tags(0), "a:1");
  EXPECT_EQ(options.verify(), 2u);
  EXPECT_TRUE(options.no_cache());
  EXPECT_EQ(options.timeout(), 60u);
  EXPECT_EQ(options.network(), v1::NETWORK_MODE_RECORDED);
  EXPECT_EQ(options.secret_ids(0), "token");
  EXPECT_EQ(submission->recipe().target(), "run");
  EXPECT_EQ(submission->recipe().build_arguments(0).value(), "b=c");
  EXPECT_EQ(submission->recipe().build_arguments(1).value(), "");
}

TEST(SubmissionRequestTest, AnOptionThatIsGivenStays) {
  v1::SubmitFilesRequest request;
  request.mutable_options()->set_network(v1::NETWORK_MODE_NONE);
  *request.mutable_options()->add_platforms() = *ParsePlatform("linux/arm64");
  request.mutable_options()->set_verify(3);
  const auto submission = SubmissionOf(request);
  ASSERT_OK(submission.status());
  EXPECT_EQ(submission->options().network(), v1::NETWORK_MODE_NONE);
  EXPECT_EQ(submission->options().verify(), 3u);
}

TEST(SubmissionRequestTest, WhatIsWrongIsNamed) {
  const auto refused = [](auto change) {
    v1::SubmitFilesRequest request = Request();
    change(request);
    const absl::Status status = SubmissionOf(request).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << request.DebugString();
    return std::string(status.message());
  };
  using R = v1::SubmitFilesRequest;
  EXPECT_TRUE(refused([](R& r) { r.clear_platforms(); }).starts_with("platforms"));
  EXPECT_TRUE(refused([](R& r) { r.add_platforms("linux/amd64,"); }).starts_with("platforms"));
  EXPECT_TRUE(refused([](R& r) {
                *r.mutable_options()->add_platforms() = *ParsePlatform("linux/arm64");
              }).starts_with("platforms"));
  EXPECT_TRUE(
      refused([](R& r) { r.set_verify(2), r.mutable_options()->set_verify(2); }).starts_with("verify"));
  EXPECT_TRUE(refused([](R& r) { r.add_build_args("PATH"); }).starts_with("build_args: PATH"));
  EXPECT_TRUE(refused([](R& r) { r.add_build_args("=x"); }).starts_with("build_args"));
  EXPECT_TRUE(refused([](R& r) { r.set_file("a/../../x"); }).starts_with("file"));
  EXPECT_TRUE(refused([](R& r) { r.set_commit_epoch(true); }).starts_with("commit_epoch"));
  EXPECT_TRUE(refused([](R& r) {
                r.set_git("g"), r.set_commit_epoch(true), r.mutable_options()->set_source_date_epoch(1);
              }).starts_with("commit_epoch"));
  EXPECT_TRUE(
      refused([](R& r) { r.mutable_options()->add_secret_ids("x"); }).starts_with("options.secret_ids"));
  EXPECT_TRUE(refused([](R& r) { r.mutable_options()->add_ssh_ids("x"); }).starts_with("options.ssh_ids"));
  // A name with dots is none of them.
  v1::SubmitFilesRequest fine = Request();
  fine.set_file("a..b/..c/Dockerfile");
  EXPECT_OK(SubmissionOf(fine).status());
}

}  // namespace
}  // namespace crossmill::coordinator
