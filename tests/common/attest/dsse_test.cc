#include "common/attest/dsse.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_replace.h"
#include "common/attest/strict_json.h"
#include "common/base/status.h"
#include "tests/support/status_matchers.h"

namespace crossmill::attest {
namespace {

constexpr char kPayload[] = R"({"_type":"https://in-toto.io/Statement/v1"})";

// RFC 8032, 7.1, test 1.
keys::SigningKey RfcKey() {
  return *keys::SigningKey::FromPem(
      "-----BEGIN PRIVATE KEY-----\n"
      "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
      "-----END PRIVATE KEY-----\n");
}

// As openssl pkeyutl -sign -rawin made it over the encoding of the payload.
constexpr char kSealed[] =
    R"({"payload":"eyJfdHlwZSI6Imh0dHBzOi8vaW4tdG90by5pby9TdGF0ZW1lbnQvdjEifQ==",)"
    R"("payloadType":"application/vnd.in-toto+json","signatures":[{)"
    R"("keyid":"06e3fd8fda29bb60ab59557de61edb0aecdb231134be30e75b455f8e1b792fa9",)"
    R"("sig":"2WAfaHm5jluo0w+0rk8uVkluELJYWjSmU9x7EUzx+AyteDGJ4/nqyJXfmAUVFIAoQafWm7AxBZNw5M9ixNHiCA=="}]})"
    "\n";

absl::StatusCode CodeOf(const std::string& file) { return ParseEnvelope(file).status().code(); }

TEST(DsseTest, EncodesAsItsSpecification) {
  EXPECT_EQ(PreAuthenticationEncoding("http://example.com/HelloWorld", "hello world"),
            "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
  EXPECT_EQ(PreAuthenticationEncoding("", ""), "DSSEv1 0  0 ");
  EXPECT_EQ(PreAuthenticationEncoding("a", std::string_view("\0 1", 3)),
            std::string("DSSEv1 1 a 3 \0 1", 16));
}

TEST(DsseTest, SealsTheSameBytesAsOpenssl) { EXPECT_EQ(*SealStatement(kPayload, RfcKey()), kSealed); }

TEST(DsseTest, OpensWhatWasSealed) {
  const auto envelope = ParseEnvelope(kSealed);
  ASSERT_OK(envelope);
  EXPECT_EQ(envelope->payload, kPayload);
  EXPECT_EQ(envelope->payload_type, kInTotoPayload);
  EXPECT_TRUE(IsSignedBy(*envelope, RfcKey().public_key()));
  EXPECT_FALSE(IsSignedBy(*envelope, keys::SigningKey::Generate()->public_key()));
}

TEST(DsseTest, TakesTheOtherAlphabet) {
  const std::string url_safe =
      absl::StrReplaceAll(kSealed, {{"0w+0", "0w-0"}, {"zx+A", "zx-A"}, {"J4/n", "J4_n"}});
  const auto envelope = ParseEnvelope(url_safe);
  ASSERT_OK(envelope);
  EXPECT_TRUE(IsSignedBy(*envelope, RfcKey().public_key()));
}

TEST(DsseTest, EveryChangeOfAByteShows) {
  // Each character of the file by another one: no envelope any more, or nobody's.
  const std::string file(kSealed, sizeof(kSealed) - 2);
  const keys::PublicKey key = RfcKey().public_key();
  const size_t key_id = file.find("06e3fd");
  for (size_t i = 0; i < file.size(); ++i) {
    std::string changed = file;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    const auto envelope = ParseEnvelope(changed);
    // The name of the key is a hint, and not signed.
    if (i >= key_id && i < key_id + 64) continue;
    EXPECT_FALSE(envelope.ok() && IsSignedBy(*envelope, key)) << i << ": " << changed;
  }
}

TEST(DsseTest, ASignatureOfAnotherTypeIsNone) {
  auto envelope = ParseEnvelope(kSealed);
  ASSERT_OK(envelope);
  envelope->payload_type = "application/json";
  EXPECT_FALSE(IsSignedBy(*envelope, RfcKey().public_key()));
}

TEST(DsseTest, OneOfSeveralSignaturesIsEnough) {
  auto envelope = ParseEnvelope(kSealed);
  ASSERT_OK(envelope);
  envelope->signatures.insert(envelope->signatures.begin(), {"someone", std::string(64, 'x')});
  EXPECT_TRUE(IsSignedBy(*envelope, RfcKey().public_key()));
}

TEST(DsseTest, RefusesWhatTwoReadersCouldReadDifferently) {
  const std::string sealed = kSealed;
  // A member twice.
  EXPECT_EQ(CodeOf(absl::StrReplaceAll(sealed, {{R"({"payload":)", R"({"payload":"e30=","payload":)"}})),
            absl::StatusCode::kInvalidArgument);
  // A member that DSSE does not know.
  EXPECT_EQ(CodeOf(absl::StrReplaceAll(sealed, {{R"({"payload":)", R"({"more":1,"payload":)"}})),
            absl::StatusCode::kInvalidArgument);
  // Something behind it.
  EXPECT_EQ(CodeOf(sealed + "{}"), absl::StatusCode::kInvalidArgument);
  // Base64 that decodes to the same although it differs: bits behind the end, blanks, no padding, both
  // alphabets.
  EXPECT_EQ(CodeOf(absl::StrReplaceAll(sealed, {{"ifQ==", "ifR=="}})), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(absl::StrReplaceAll(sealed, {{"ifQ==", "ifQ"}})), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(absl::StrReplaceAll(sealed, {{"ifQ==", " ifQ=="}})), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(absl::StrReplaceAll(sealed, {{"zx+A", "zx-A"}})), absl::StatusCode::kInvalidArgument);
}

TEST(DsseTest, RefusesWhatIsNoEnvelope) {
  for (const std::string file :
       {"", "null", "[]", "{}", "\"x\"", R"({"payload":"","payloadType":"x","signatures":[]})",
        R"({"payload":1,"payloadType":"x","signatures":[{"sig":""}]})",
        R"({"payload":"","payloadType":"x","signatures":[1]})",
        R"({"payload":"","payloadType":"x","signatures":{}})",
        R"({"payload":"","payloadType":"x","signatures":[{"keyid":"x"}]})"}) {
    EXPECT_EQ(CodeOf(file), absl::StatusCode::kInvalidArgument) << file;
  }
}

TEST(DsseTest, HasBounds) {
  std::string signatures;
  for (size_t i = 0; i <= kMostSignatures; ++i)
    signatures += std::string(i == 0 ? "" : ",") + R"({"sig":""})";
  EXPECT_EQ(CodeOf(fmt::format(R"({{"payload":"","payloadType":"x","signatures":[{}]}})", signatures)),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(fmt::format(R"({{"payload":"","payloadType":"{}","signatures":[{{"sig":""}}]}})",
                               std::string(10'000, 'x'))),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(std::string(kMostDocumentBytes + 1, ' ')), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(std::string(1 << 20, '[')), absl::StatusCode::kInvalidArgument);
}

TEST(StrictJsonTest, FindsAMemberTwiceAtAnyDepth) {
  for (const char* text : {R"({"a":1,"a":1})", R"({"a":{"b":[{"c":1,"d":2,"c":3}]}})", R"([{"":1,"":2}])",
                           R"({"a":1,"\u0061":2})"}) {
    const auto json = ParseStrictJson(text);
    EXPECT_EQ(json.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_NE(json.status().message().find("twice"), std::string::npos) << json.status();
  }
  EXPECT_OK(ParseStrictJson(R"([{"a":1},{"a":1},{"b":{"a":1},"a":{"b":1}}])"));
}

TEST(StrictJsonTest, WritesSortedAndReadsBack) {
  const auto json =
      ParseStrictJson(R"( { "b" : [ 1 , -2, 1.5, true, null, {"z":1,"y":"\u00fc"} ], "a" : {} } )");
  ASSERT_OK(json);
  EXPECT_EQ(WriteSortedJson(*json), R"({"a":{},"b":[1,-2,1.5,true,null,{"y":"ü","z":1}]})");
  EXPECT_EQ(*ParseStrictJson(WriteSortedJson(*json)), *json);
}

TEST(StrictJsonTest, HasBoundsAndRefusesWhatIsNoJson) {
  const std::string deep(kMostDepth, '[');
  const std::string closed(kMostDepth, ']');
  EXPECT_OK(ParseStrictJson(deep + closed));
  EXPECT_FALSE(ParseStrictJson("[" + deep + closed + "]").ok());
  for (const char* text :
       {"", "{", "{\"a\":}", "nan", "[1,]", "\"\xff\"", "{\"a\":1e999}", "1 2", "// x\n1", "{1:2}"})
    EXPECT_EQ(ParseStrictJson(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
}

TEST(StrictJsonTest, MembersAreWhatTheyHaveToBe) {
  const SortedJson json =
      *ParseStrictJson(R"({"t":"x","b":true,"i":5,"big":18446744073709551615,"o":{},"l":[]})");
  EXPECT_EQ(*TextMember(json, "t"), "x");
  EXPECT_EQ(*BoolMember(json, "b"), true);
  EXPECT_EQ(*IntegerMember(json, "i"), 5);
  EXPECT_OK(ObjectMember(json, "o"));
  EXPECT_OK(ListMember(json, "l"));
  EXPECT_EQ(IntegerMember(json, "big").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(TextMember(json, "i").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(BoolMember(json, "none").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ObjectMember(SortedJson(1), "x").status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace crossmill::attest
