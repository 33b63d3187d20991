#include "coordinator/traces/otlp_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

EnvironmentReader Environment(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

std::string UrlOf(const std::string& endpoint, std::map<std::string, std::string> variables) {
  const auto settings = ReadOtlpSettings(endpoint, "", Environment(std::move(variables)));
  return settings.ok() ? settings->url : std::string(settings.status().message());
}

TEST(OtlpSettingsTest, WhereTracesGo) {
  EXPECT_EQ(UrlOf("", {}), "");
  EXPECT_EQ(UrlOf("http://127.0.0.1:4318", {}), "http://127.0.0.1:4318/v1/traces");
  EXPECT_EQ(UrlOf("https://otel.example/base/", {}), "https://otel.example/base/v1/traces");
  EXPECT_EQ(UrlOf("", {{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:1"}}), "http://a:1/v1/traces");
  EXPECT_EQ(UrlOf("", {{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:1"},
                       {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://b:2/in"}}),
            "http://b:2/in")
      << "the one for traces is the URL itself";
  EXPECT_EQ(UrlOf("http://c:3", {{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:1"}}), "http://c:3/v1/traces");
  EXPECT_EQ(UrlOf("", {{"OTEL_EXPORTER_OTLP_ENDPOINT", ""}}), "") << "empty is not set";
  EXPECT_THAT(UrlOf("127.0.0.1:4318", {}), HasSubstr("--otlp-endpoint: "));
  EXPECT_THAT(UrlOf("http://a:1", {{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}}), HasSubstr("http/protobuf"));
  EXPECT_EQ(UrlOf("", {{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}}), "") << "nothing is sent";
}

TEST(OtlpSettingsTest, HeadersOfEnvironmentAndFile) {
  const auto settings =
      ReadOtlpSettings("http://a:1", "# who we are\n\nAuthorization: Bearer x:y\n",
                       Environment({{"OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b, tenant = t"},
                                    {"OTEL_EXPORTER_OTLP_TIMEOUT", "2500"}}));
  ASSERT_OK(settings);
  EXPECT_THAT(settings->headers,
              ElementsAre(Pair("api-key", "a b"), Pair("tenant", "t"), Pair("Authorization", "Bearer x:y")));
  EXPECT_EQ(settings->limit, absl::Milliseconds(2500));
}

TEST(OtlpSettingsTest, WhatIsWrongIsNamedWithoutItsValue) {
  const auto told = [](const std::string& lines, std::map<std::string, std::string> variables) {
    return std::string(
        ReadOtlpSettings("http://a:1", lines, Environment(std::move(variables))).status().message());
  };
  EXPECT_THAT(told("secret\n", {}), HasSubstr("line 1: expected 'Name: value'"));
  EXPECT_THAT(told("\na b: secret\n", {}), HasSubstr("--otlp-headers-file line 2: 'a b'"));
  for (const auto& message : {told("secret\n", {}), told("", {{"OTEL_EXPORTER_OTLP_HEADERS", "secret"}}),
                              told("", {{"OTEL_EXPORTER_OTLP_HEADERS", "a=secret%0d%0aX: y"}})}) {
    EXPECT_FALSE(message.empty());
    EXPECT_THAT(message, Not(HasSubstr("secret")));
  }
  EXPECT_THAT(told("", {{"OTEL_EXPORTER_OTLP_TIMEOUT", "soon"}}), HasSubstr("OTEL_EXPORTER_OTLP_TIMEOUT"));
}

}  // namespace
}  // namespace crossmill::coordinator
