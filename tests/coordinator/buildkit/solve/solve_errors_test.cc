#include "coordinator/buildkit/solve/solve_errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "common/base/json.h"
#include "google/rpc/status.pb.h"

namespace crossmill::coordinator::buildkit {
namespace {

google::rpc::Status DetailsOf(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  return details;
}

TEST(SolveErrorsTest, WhatWasAskedWronglyHasNoCodeOfItsOwn) {
  EXPECT_EQ(ToClient(absl::InvalidArgumentError("x")).error_code(), grpc::StatusCode::UNKNOWN);
  EXPECT_EQ(ToClient(absl::FailedPreconditionError("x")).error_code(), grpc::StatusCode::UNKNOWN);
  EXPECT_EQ(ToClient(absl::UnimplementedError("x")).error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_TRUE(ToClient(absl::OkStatus()).ok());
}

TEST(SolveErrorsTest, WhatWasCancelledEndsInTheWordsThatClientsKnow) {
  EXPECT_EQ(ToClient(absl::CancelledError("")).error_message(), "context canceled");
  EXPECT_EQ(ToClient(absl::CancelledError("stopped")).error_message(), "stopped: context canceled");
  EXPECT_EQ(ToClient(absl::CancelledError("a: context canceled")).error_message(), "a: context canceled");
}

TEST(SolveErrorsTest, ThePlaceIsADetailInJson) {
  const absl::Status status = WithSource(absl::UnknownError("failed"), "Dockerfile", "FROM a\nRUN b\n", 2, 2);
  const google::rpc::Status details = DetailsOf(ToClient(status));
  ASSERT_EQ(details.details_size(), 1);
  EXPECT_EQ(details.details(0).type_url(), "github.com/moby/buildkit/errdefs.Source+json");
  const Json json = *ParseJson(details.details(0).value());
  EXPECT_EQ(json["ranges"][0]["start"]["line"], 2);
  std::string text;
  ASSERT_TRUE(absl::Base64Unescape(json["info"]["data"].get<std::string>(), &text));
  EXPECT_THAT(text, testing::StartsWith("FROM a\nRUN b\n"));
  EXPECT_EQ(details.message(), "failed");
}

TEST(SolveErrorsTest, LinesFarFromThePlaceAreEmpty) {
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += "RUN a long line that says nothing\n";
  const absl::Status status = WithSource(absl::UnknownError("failed"), "Dockerfile", text, 5000, 5001);
  const Json json = *ParseJson(DetailsOf(ToClient(status)).details(0).value());
  std::string kept;
  ASSERT_TRUE(absl::Base64Unescape(json["info"]["data"].get<std::string>(), &kept));
  EXPECT_LT(kept.size(), 20'000u);
  EXPECT_EQ(std::count(kept.begin(), kept.end(), '\n'), 5021);
  EXPECT_THAT(kept, testing::HasSubstr("RUN a long"));
}

TEST(SolveErrorsTest, ThePlaceOfAMessage) {
  EXPECT_EQ(LineOfMessage("Dockerfile:3:1: no such thing", "Dockerfile"), 3u);
  EXPECT_EQ(LineOfMessage("a/Dockerfile:12: x", "a/Dockerfile"), 12u);
  EXPECT_FALSE(LineOfMessage("Other:3:1: x", "Dockerfile"));
  EXPECT_FALSE(LineOfMessage("Dockerfile: x", "Dockerfile"));
  EXPECT_FALSE(LineOfMessage("Dockerfile:0: x", "Dockerfile"));
  EXPECT_FALSE(LineOfMessage("x", ""));
}

TEST(SolveErrorsTest, TheVertexIsMarked) {
  const google::rpc::Status details = DetailsOf(ToClient(WithVertex(absl::UnknownError("x"), "sha256:a")));
  EXPECT_EQ(details.details(0).value(), "{\"digest\":\"sha256:a\"}");
}

TEST(SolveErrorsTest, MessagesAreBoundedAndValidText) {
  const grpc::Status status = ToClient(absl::UnknownError(std::string(1 << 20, 'x') + "\xff"));
  EXPECT_LT(status.error_message().size(), 10'000u);
}

TEST(SolveErrorsTest, WhatAClientReturnedComesBackAsItIs) {
  google::rpc::Status returned;
  returned.set_code(2);
  returned.set_message("failed");
  returned.add_details()->set_type_url("github.com/moby/buildkit/stack.Stack+json");
  const grpc::Status status = ToClient(returned);
  EXPECT_EQ(status.error_message(), "failed");
  EXPECT_EQ(DetailsOf(status).SerializeAsString(), returned.SerializeAsString());
}

}  // namespace
}  // namespace crossmill::coordinator::buildkit
