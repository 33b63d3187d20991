#include "worker/mounts/secret_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "worker/mounts/secret_mask.h"

namespace crossmill::worker {
namespace {

std::vector<std::string> Inner(std::string_view secret) {
  std::vector<std::string> inner;
  for (const SecretValue& value : SecretValues(secret)) {
    if (value.kind == SecretValue::Kind::kInner) inner.emplace_back(View(value.text));
  }
  return inner;
}

struct ValueCase {
  const char* name;
  std::string secret;
  std::vector<std::string> inner;
};

class SecretValuesTest : public testing::TestWithParam<ValueCase> {};

// Exactly these values: what is missing would be shown, what is too much turns consoles to stars.
TEST_P(SecretValuesTest, AreWhatTheFormatKeepsSecret) {
  EXPECT_THAT(Inner(GetParam().secret), testing::UnorderedElementsAreArray(GetParam().inner));
}

INSTANTIATE_TEST_SUITE_P(
    Formats, SecretValuesTest,
    testing::Values(
        ValueCase{"OnlyAValue", "hunter-and-gatherer\n", {}},
        ValueCase{"PipConf",
                  "[global]\nindex-url = https://builder:s3cr3t-Pa55@pypi.example/simple\ntimeout = 60\n",
                  {"s3cr3t-Pa55"}},
        ValueCase{"PasswordInUrlEncoded", "https://u:p%40ss%2Fword@h/", {"p%40ss%2Fword", "p@ss/word"}},
        ValueCase{"PasswordInUrlNotEncoded", "https://u:pa/ss@wörd@h/x", {"pa/ss@wörd"}},
        ValueCase{"PortIsNoPassword", "https://proxy.example:8080/a@b\n", {}},
        ValueCase{
            "TokenInThePlaceOfAUser",
            "https://ghp_0aB1cD2eF3gH4@github.com/o/r https://ghp_1aB1cD2eF3gH4:x-oauth-basic@github.com",
            {"ghp_0aB1cD2eF3gH4", "ghp_1aB1cD2eF3gH4"}},
        ValueCase{"TokenInAQuery", "https://h/x?user=me&access_token=abcdef&page=100000", {"abcdef"}},
        ValueCase{"KeyEqualsValue", "user = builder\npassword = swordfish\n", {"swordfish"}},
        ValueCase{"KeyColonValue", "user: builder\nPassword: swordfish\n", {"swordfish"}},
        ValueCase{"Dotenv",
                  "export DB_PASSWORD='sword fish' # ours\nAPI_TOKEN=\"abc-def\"\nPORT=8080\nDEBUG=true\n"
                  "HOME=/root/elsewhere\nDATABASE_URL=postgres://app:swordfish@db:5432/app\n",
                  {"sword fish", "abc-def", "swordfish"}},
        ValueCase{"DotenvWithAComment", "SECRET_KEY=abc-def # ours", {"abc-def # ours", "abc-def"}},
        ValueCase{"UnnamedToken", "REGION=eu-central-1\nSOMETHING=a8f5f167f44f\n", {"a8f5f167f44f"}},
        ValueCase{"AwsCredentials",
                  "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = "
                  "wJalrXUtnFEMI/K7MDENG\nregion = us-east-1\n",
                  {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG"}},
        ValueCase{"Npmrc",
                  "registry=https://npm.example/\n//npm.example/:_authToken=npm-token\nalways-auth=true\n",
                  {"npm-token"}},
        ValueCase{"NpmrcLoginInBase64",
                  "//npm.example/:_auth=dXNlcjpzd29yZGZpc2g=\n",
                  {"dXNlcjpzd29yZGZpc2g=", "user:swordfish", "swordfish"}},
        ValueCase{
            "Netrc",
            "machine pypi.example login builder password swordfish\nmachine other\n  login me\n  password "
            "\"anotherfish\"\n",
            {"swordfish", "anotherfish"}},
        ValueCase{
            "JsonOnOneLine",
            R"({"user":"builder","password":"sword\"fish","port":8080,"tokens":["first-one","second-one"]})",
            {"sword\\\"fish", "sword\"fish", "first-one", "second-one"}},
        ValueCase{"DockerConfig",
                  "{\n  \"auths\": {\n    \"https://index.docker.io/v1/\": {\n      \"auth\": "
                  "\"dXNlcjpzd29yZGZpc2g=\"\n    }\n  }\n}\n",
                  {"dXNlcjpzd29yZGZpc2g=", "user:swordfish", "swordfish"}},
        ValueCase{"Yaml", "db:\n  password: swordfish\n  host: db.example\n", {"swordfish"}},
        ValueCase{"Toml", "[[source]]\nurl = \"https://u:swordfish@h/\"\nname = \"pypi\"\n", {"swordfish"}},
        ValueCase{"Header", "Authorization: Bearer some-bearer-word\n", {"some-bearer-word"}},
        ValueCase{"Pgpass", "db.example:5432:app:me:swordfish\n", {"swordfish"}},
        ValueCase{"CommonValues",
                  "password = true\ntoken: none\nsecret=8080\npassphrase = https\nkey=1.2.3\nprivate: yes\n",
                  {}},
        ValueCase{"NamesThatOnlySoundSecret",
                  "token_url = https://login.example/oauth\nkey_file = /etc/ssl/key.pem\nauthor = somebody\n"
                  "password_path: secrets/one\n",
                  {}}),
    [](const auto& info) { return info.param.name; });

TEST(SecretValuesTest, LinesAreThoseThatTellSomething) {
  std::vector<std::string> lines;
  for (const SecretValue& value :
       SecretValues("-----BEGIN KEY-----\nMIIEow\n[global]\n{\ntrue\n8080\nabc\n  two words\n")) {
    if (value.kind == SecretValue::Kind::kLine) lines.emplace_back(View(value.text));
  }
  EXPECT_THAT(lines, testing::ElementsAre("MIIEow", "two words"));
}

TEST(SecretValuesTest, WholeIsTakenAsItIsGiven) {
  const auto values = SecretValues("true\r\n");
  ASSERT_EQ(values.size(), 1u);
  EXPECT_EQ(View(values[0].text), "true");
  EXPECT_TRUE(SecretValues("abc").empty());
  EXPECT_TRUE(SecretValues("").empty());
}

TEST(SecretValuesTest, OddBytesDoNoHarm) {
  for (const std::string& secret :
       {std::string("\"\\"), std::string("\"a\": \"b\\"), std::string("://@:"), std::string("a=\"b"),
        std::string("password"), std::string(":::"), std::string("%4\0=%zz\"\\u00", 12),
        std::string("\"\\u0041\\u00zz\": \"\\u00\"")}) {
    for (const SecretValue& value : SecretValues(secret)) EXPECT_GE(value.text.size(), kShortestSecret);
  }
}

TEST(SecretValuesTest, LongFilesAreReadInOnePass) {
  std::string secret;
  for (int i = 0; i < 20'000; ++i)
    secret += "token_" + std::to_string(i) + " = value-" + std::to_string(i) + "\n";
  EXPECT_GE(SecretValues(secret).size(), 40'000u);
}

TEST(SecretValuesTest, FormsInUrls) {
  EXPECT_EQ(View(PercentEncoded("a b/c~", true)), "a%20b%2Fc~");
  EXPECT_EQ(View(PercentEncoded("a b/c~", false)), "a%20b%2fc~");
  EXPECT_TRUE(PercentEncoded("plain-text_1.0~", true).empty());
}

TEST(SecretValuesTest, PasswordOfAPipConfIsMaskedInEveryForm) {
  SecretPatterns patterns;
  patterns.AddValue(
      "[global]\nindex-url = https://builder:p%40ss%20w0rd%2F1@pypi.example/simple\ntimeout = 60\n");
  EXPECT_EQ(patterns.Mask("password is p@ss w0rd/1."), "password is ***.");
  EXPECT_EQ(patterns.Mask("https://builder:p%40ss%20w0rd%2F1@other/"), "https://builder:***@other/");
  EXPECT_EQ(patterns.Mask("https://builder:p%40ss%20w0rd%2f1@other/"), "https://builder:***@other/");
  // base64 of "builder:p@ss w0rd/1".
  EXPECT_EQ(patterns.Mask("Basic YnVpbGRlcjpwQHNzIHcwcmQvMQ=="), "Basic YnVpbGRlcjp***Q==");
  // What is no secret in it stays readable.
  EXPECT_EQ(patterns.Mask("builder at https://pypi.example/simple, timeout 60, [global]"),
            "builder at https://pypi.example/simple, timeout 60, [global]");
}

}  // namespace
}  // namespace crossmill::worker
