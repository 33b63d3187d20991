#include "coordinator/http/table/transcoding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crossmill/v1/client_service.pb.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator::door {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

const Route& RouteOf(std::string_view verb, std::string_view path) {
  std::string allowed;
  return *FindRoute(verb, path, &allowed)->route;
}

std::string Refusal(const absl::Status& status) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(ParseQueryTest, EscapesAndBlanks) {
  const auto query = ParseQuery("a=1&b=x%20y+z&c&&d=%3D%26");
  ASSERT_OK(query);
  EXPECT_THAT(*query, ElementsAre(Pair("a", "1"), Pair("b", "x y z"), Pair("c", ""), Pair("d", "=&")));
}

TEST(ParseQueryTest, OnlyUtf8AndNotTooMuch) {
  EXPECT_FALSE(ParseQuery("a=%ff").ok());
  std::string many;
  for (int i = 0; i < 201; ++i) many += "a=1&";
  EXPECT_FALSE(ParseQuery(many).ok());
}

TEST(SetFieldsTest, EachTypeByItsProtoName) {
  v1::CompiledPackagesRequest compiled;
  ASSERT_OK(SetFields({{"platform", "arm64"}, {"since", "-3"}, {"order", "ORDER_NAME"}, {"limit", "7"}},
                      RouteOf("GET", "/api/v1/packages/compiled"), &compiled));
  EXPECT_EQ(compiled.platform().architecture(), "arm64");
  EXPECT_EQ(compiled.since(), -3);
  EXPECT_EQ(compiled.order(), v1::CompiledPackagesRequest::ORDER_NAME);
  EXPECT_EQ(compiled.limit(), 7);
  v1::WatchBuildRequest watch;
  ASSERT_OK(
      SetFields({{"build_id", "12"}, {"logs", ""}}, RouteOf("GET", "/api/v1/builds/12/events"), &watch));
  EXPECT_TRUE(watch.logs());
}

TEST(SetFieldsTest, WhatDoesNotFitIsNamed) {
  const Route& route = RouteOf("GET", "/api/v1/packages/compiled");
  v1::CompiledPackagesRequest request;
  EXPECT_THAT(Refusal(SetFields({{"limit", "x"}}, route, &request)), HasSubstr("limit: 'x'"));
  EXPECT_THAT(Refusal(SetFields({{"limit", " 1"}}, route, &request)), HasSubstr("limit"));
  EXPECT_THAT(Refusal(SetFields({{"limit", "3000000000"}}, route, &request)), HasSubstr("limit"));
  EXPECT_THAT(Refusal(SetFields({{"order", "BEST"}}, route, &request)), HasSubstr("order"));
  EXPECT_THAT(Refusal(SetFields({{"platform", "a/b/c/d"}}, route, &request)), HasSubstr("platform"));
  EXPECT_THAT(Refusal(SetFields({{"limit", "1"}, {"limit", "2"}}, route, &request)), HasSubstr("twice"));
  EXPECT_THAT(Refusal(SetFields({{"Limit", "1"}}, route, &request)), HasSubstr("no parameter 'Limit'"));
}

TEST(SetFieldsTest, SecretsAreNoPartOfAUrl) {
  v1::RetryBuildRequest request;
  EXPECT_FALSE(SetFields({{"secrets", "x"}}, RouteOf("POST", "/api/v1/builds/1/retry"), &request).ok());
}

TEST(MergeJsonTest, ReadsTheMappingAndNothingElse) {
  v1::CancelBuildRequest request;
  ASSERT_OK(MergeJson(" \n", &request));
  ASSERT_OK(MergeJson("{\"buildId\": \"7\", \"timed_out\": true}", &request));
  EXPECT_EQ(request.build_id(), 7);
  EXPECT_TRUE(request.timed_out());
  EXPECT_THAT(Refusal(MergeJson("{\"other\": 1}", &request)), HasSubstr("other"));
  EXPECT_FALSE(MergeJson("[1", &request).ok());
}

// Values of secrets, in the right and in wrong places, and bodies that are no JSON at all.
TEST(MergeJsonTest, ErrorsOfMessagesWithSecretsHoldNothingOfTheBody) {
  for (const std::string body :
       {R"({"secrets": [{"id": "token", "value": "hunter2!"}]})",
        R"({"secrets": [{"value": {"hunter2": 1}}]})", R"({"secrets": [{"hunter2": "x"}]})",
        R"({"secrets": "hunter2"})", R"({"hunter2": {"a": 1}})", R"({"secrets": [{"value": hunter2}]})",
        R"({"secrets": [{"value": "aGk=" hunter2)", R"({"options": {"verify": "hunter2"}})",
        R"({"verify": "hunter2"})", "hunter2"}) {
    v1::SubmitFilesRequest request;
    const absl::Status status = MergeJson(body, &request);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << body;
    EXPECT_EQ(status.message().find("hunter"), absl::string_view::npos) << status;
    EXPECT_NE(status.message().find("the body: "), absl::string_view::npos) << status;
    v1::SubmitBuildRequest build;
    EXPECT_EQ(Refusal(MergeJson(body, &build)).find("hunter"), std::string::npos) << body;
  }
  v1::SubmitFilesRequest request;
  EXPECT_THAT(Refusal(MergeJson(R"({"secrets": [{"id": "token", "value": "hunter2!"}]})", &request)),
              HasSubstr("secrets[0].value"));
  EXPECT_THAT(Refusal(MergeJson(R"({"verify": "many"})", &request)), HasSubstr("verify"));
}

TEST(ToJsonTest, PrimitiveFieldsAreAlwaysThere) {
  v1::GetVersionResponse response;
  response.set_now(1LL << 60);
  const auto json = ToJson(response);
  ASSERT_OK(json);
  EXPECT_EQ(*json, "{\"version\":\"\",\"now\":\"1152921504606846976\",\"dataFolder\":\"\"}");
}

TEST(TakeSwitchTest, IsTrueFalseOrRefused) {
  Parameters parameters = {{"a", "1"}, {"b", "false"}, {"c", "maybe"}};
  EXPECT_TRUE(*TakeSwitch(parameters, "a"));
  EXPECT_FALSE(*TakeSwitch(parameters, "b"));
  EXPECT_FALSE(*TakeSwitch(parameters, "none"));
  EXPECT_FALSE(TakeSwitch(parameters, "c").ok());
  EXPECT_TRUE(parameters.empty());
}

}  // namespace
}  // namespace crossmill::coordinator::door
