#include "common/bucket/signature_v4.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/base/files.h"
#include "common/base/text.h"
#include "tests/support/status_matchers.h"

namespace crossmill::bucket {
namespace {

std::string HeaderIn(const Pairs& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return "";
}

// The examples of Amazon's own documentation.
class PublishedExampleTest : public testing::Test {
 protected:
  const Credentials credentials_{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};
  const Scope scope_{"us-east-1", absl::FromUnixSeconds(1369353600)};
  SignedCall call_;

  PublishedExampleTest() {
    call_.authority = "examplebucket.s3.amazonaws.com";
    call_.path = "/test.txt";
    call_.payload_hash = Sha256OfNothing();
  }
  static std::string Sha256OfNothing() {
    return "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  }
};

TEST_F(PublishedExampleTest, GetWithARange) {
  call_.headers = {{"range", "bytes=0-9"}};
  EXPECT_EQ(HeaderIn(SignHeaders(call_, credentials_, scope_), "authorization"),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST_F(PublishedExampleTest, ListOfABucket) {
  call_.path = "/";
  call_.query = {{"max-keys", "2"}, {"prefix", "J"}};
  EXPECT_NE(HeaderIn(SignHeaders(call_, credentials_, scope_), "authorization")
                .find("Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
            std::string::npos);
}

TEST_F(PublishedExampleTest, PresignedUrl) {
  const std::string query = PresignQuery(call_, credentials_, scope_, absl::Seconds(86400));
  EXPECT_TRUE(
      query.ends_with("&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"))
      << query;
}

TEST_F(PublishedExampleTest, LifeOfAUrlIsBounded) {
  EXPECT_NE(PresignQuery(call_, credentials_, scope_, absl::Hours(1000)).find("X-Amz-Expires=604800&"),
            std::string::npos);
  EXPECT_NE(PresignQuery(call_, credentials_, scope_, absl::ZeroDuration()).find("X-Amz-Expires=1&"),
            std::string::npos);
}

// tests/common/bucket/record_signatures.py: what botocore signs.
TEST(SignatureTest, OddKeysQueriesAndHeadersAsBotocoreSignsThem) {
  const auto text = ReadFile(CROSSMILL_GOLDEN_FOLDER "/bucket/signatures.json");
  ASSERT_OK(text);
  const nlohmann::json cases = nlohmann::json::parse(*text);
  ASSERT_GT(cases.size(), 10U);
  for (const auto& each : cases) {
    const Credentials credentials{"AKIDEXAMPLE", "secret/+key", each["token"]};
    const Scope scope{"eu-west-3", absl::FromUnixSeconds(1709251198)};
    SignedCall call;
    call.method = "PUT";
    call.authority = "127.0.0.1:9000";
    call.path = "/bucket/" + EncodePercent(each["key"].get<std::string>(), "/");
    for (const auto& pair : each["query"]) call.query.emplace_back(pair[0], pair[1]);
    for (const auto& pair : each["headers"]) call.headers.emplace_back(pair[0], pair[1]);
    call.payload_hash = each["hash"];
    const Pairs headers = SignHeaders(call, credentials, scope);
    EXPECT_EQ(HeaderIn(headers, "x-amz-date"), each["date"].get<std::string>());
    EXPECT_EQ(HeaderIn(headers, "authorization"), each["authorization"].get<std::string>()) << each;
    SignedCall get;
    get.authority = call.authority;
    get.path = call.path;
    const std::string query = PresignQuery(get, credentials, scope, absl::Seconds(900));
    EXPECT_TRUE(query.ends_with("&X-Amz-Signature=" + each["presigned"].get<std::string>())) << each;
  }
}

TEST(SignatureTest, SecretsAreInNothingThatIsSent) {
  SignedCall call;
  call.authority = "h";
  call.path = "/p";
  for (const auto& [name, value] : SignHeaders(call, {"id", "verysecret", ""}, {"r", absl::UnixEpoch()}))
    EXPECT_EQ(value.find("verysecret"), std::string::npos) << name;
  EXPECT_EQ(PresignQuery(call, {"id", "verysecret", ""}, {"r", absl::UnixEpoch()}, absl::Minutes(1))
                .find("verysecret"),
            std::string::npos);
}

}  // namespace
}  // namespace crossmill::bucket
