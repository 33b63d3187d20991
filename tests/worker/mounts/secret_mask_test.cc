#include "worker/mounts/secret_mask.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/status.h"

namespace crossmill::worker {
namespace {

struct MaskCase {
  const char* name;
  std::vector<std::string> secrets;
  std::string text;
  std::string shown;
};

class SecretMaskTest : public testing::TestWithParam<MaskCase> {};

// However the text comes in pieces, the same is shown.
TEST_P(SecretMaskTest, EveryCutGivesTheSame) {
  const MaskCase& mask = GetParam();
  SecretPatterns patterns;
  for (const std::string& secret : mask.secrets) patterns.AddValue(secret);
  EXPECT_EQ(patterns.Mask(mask.text), mask.shown);
  for (size_t size = 1; size < mask.text.size(); ++size) {
    MaskedStream stream(patterns);
    std::string shown;
    for (size_t begin = 0; begin < mask.text.size(); begin += size) {
      shown += stream.Add(std::string_view(mask.text).substr(begin, size));
    }
    shown += stream.Finish();
    EXPECT_EQ(shown, mask.shown) << "pieces of " << size;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Cases, SecretMaskTest,
    testing::Values(
        MaskCase{"Nothing", {"hunter22"}, "no secret here, but hunte\n", "no secret here, but hunte\n"},
        MaskCase{"Whole", {"hunter22"}, "a hunter22 b\n", "a *** b\n"},
        MaskCase{"Twice", {"hunter22"}, "hunter22hunter22", "******"},
        MaskCase{"LineEndIsNoPartOfTheValue", {"hunter22\n"}, "<hunter22>", "<***>"},
        MaskCase{"FalseStart", {"aaab"}, "aaaaab", "aa***"}, MaskCase{"TooShort", {"abc"}, "abc", "abc"},
        MaskCase{"Overlapping", {"abcdef", "defghi"}, "1abcdefghi2", "1***2"},
        MaskCase{"OneInTheOther", {"cdef", "abcdefgh"}, "abcdefg abcdefgh", "ab***g ***"},
        MaskCase{
            "EachLine", {"first line\nab\n  second\n"}, "x second y first line ab\n", "x *** y *** ab\n"},
        MaskCase{"Windows", {"one-line\r\ntwo-line\r\n"}, "one-line\ntwo-line\n", "***\n***\n"},
        MaskCase{"Base64", {"hunter22"}, "aHVudGVyMjI= is it", "***I= is it"},
        MaskCase{"Base64AfterOneByte", {"hunter22"}, "OmhudW50ZXIyMg==", "OmhudW50ZXIyMg=="},
        // base64 of "u:hunter22", "uu:hunter22" and "hunter22:p".
        MaskCase{"Base64OfLoginTwoBefore", {"hunter22"}, "dTpodW50ZXIyMg==", "dTp***g=="},
        MaskCase{"Base64OfLoginThreeBefore", {"hunter22"}, "dXU6aHVudGVyMjI=", "dXU6***I="},
        MaskCase{"Base64OfLoginOneBefore", {"hunter22"}, "Omh1bnRlcjIy", "Om***"}),
    [](const auto& info) { return info.param.name; });

TEST(MaskedStreamTest, ShowsAtOnceWhatCannotBeASecret) {
  SecretPatterns patterns;
  patterns.AddValue("hunter22");
  MaskedStream stream(patterns);
  EXPECT_EQ(stream.Add("password: "), "password: ");
  EXPECT_EQ(stream.Add("hun"), "");
  EXPECT_EQ(stream.Add("ger"), "hunger");
  EXPECT_EQ(stream.Add("hunter2"), "");
  EXPECT_EQ(stream.Finish(), "hunter2");
}

TEST(MaskedStreamTest, LongBase64IsFoundInTheLinesOfBase64Programs) {
  // 90 bytes: 120 characters, which base64(1) breaks after 76.
  std::string secret, encoded;
  for (int i = 0; i < 30; ++i) {
    secret += "abc";
    encoded += "YWJj";
  }
  SecretPatterns patterns;
  patterns.AddValue(secret);
  EXPECT_EQ(patterns.Mask(encoded.substr(0, 76) + "\n" + encoded.substr(76) + "\n"), "***\n***\n");
}

TEST(MaskedStreamTest, WholeTextThatEndsLikeASecretKeepsItsEnd) {
  SecretPatterns patterns;
  patterns.AddValue("hunter22");
  EXPECT_EQ(patterns.Mask("cannot find hunter2"), "cannot find hunter2");
}

TEST(MaskedStreamTest, WithoutSecretsNothingIsHeldBack) {
  const SecretPatterns patterns;
  MaskedStream stream(patterns);
  EXPECT_EQ(stream.Add("abc"), "abc");
  EXPECT_EQ(stream.Finish(), "");
}

}  // namespace
}  // namespace crossmill::worker
