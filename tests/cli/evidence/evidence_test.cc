// Evidence as files, and what is printed of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/evidence/evidence_files.h"
#include "cli/evidence/render_evidence.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "tests/support/status_matchers.h"

namespace crossmill::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

v1::EvidenceFile Evidence(const std::string& name, const std::string& content) {
  v1::EvidenceFile file;
  file.set_name(name);
  file.set_kind("verdict");
  file.set_content(content);
  return file;
}

class EvidenceFilesTest : public ::testing::Test {
 protected:
  TemporaryFolder folder_ = *TemporaryFolder::Create();
};

TEST_F(EvidenceFilesTest, AreReadAsTheyWereWritten) {
  const std::string folder = folder_.Path("a/b");
  const auto key = keys::SigningKey::Generate();
  ASSERT_OK(WriteEvidence(folder, 12,
                          {Evidence("linux-amd64.verdict.intoto.json", "{}"),
                           Evidence("coordinator.pem", key->public_key().Pem())}));
  attest::WeighingInput input;
  ASSERT_OK(ReadEvidence({folder}, &input));
  ASSERT_EQ(input.files.size(), 1u) << "the index is no statement";
  EXPECT_EQ(input.files[0].bytes, "{}");
  EXPECT_EQ(input.files[0].name, folder + "/linux-amd64.verdict.intoto.json");
  ASSERT_EQ(input.keys.size(), 1u);
  EXPECT_FALSE(input.keys[0].trusted);
  EXPECT_EQ(input.keys[0].key.id(), key->public_key().id());
  EXPECT_TRUE(ReadTrustedKey(folder + "/coordinator.pem")->trusted);
  const auto index = ParseJson(*ReadFile(folder + "/index.json"));
  ASSERT_OK(index);
  EXPECT_EQ((*index)["build"], 12);
  EXPECT_EQ((*index)["files"][0]["sha256"],
            "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
}

TEST_F(EvidenceFilesTest, ANameDoesNotLeadOutOfTheFolder) {
  for (const char* name : {"", "..", ".hidden", "../x", "a/b", "/x", "index.json", "a\nb", "ü"}) {
    const absl::Status status =
        WriteEvidence(folder_.Path("out"), 1, {Evidence("good", "x"), Evidence(name, "x")});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
  }
  EXPECT_EQ(WriteEvidence(folder_.Path("out"), 1, {Evidence("x", "1"), Evidence("x", "2")}).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(Exists(folder_.Path("out")));
}

TEST_F(EvidenceFilesTest, AFolderThatIsNotEmptyStaysAsItIs) {
  ASSERT_OK(WriteFileAtomic(folder_.Path("x"), "y"));
  EXPECT_EQ(WriteEvidence(folder_.path(), 1, {Evidence("good", "x")}).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(Exists(folder_.Path("good")));
}

TEST_F(EvidenceFilesTest, ErrorsNameTheFile) {
  attest::WeighingInput input;
  EXPECT_THAT(std::string(Sv(ReadEvidence({folder_.Path("none")}, &input).message())), HasSubstr("none"));
  EXPECT_THAT(std::string(Sv(ReadEvidence({folder_.path()}, &input).message())), HasSubstr("no statements"));
  ASSERT_OK(WriteFileAtomic(folder_.Path("long.json"), std::string(attest::kMostDocumentBytes + 1, ' ')));
  EXPECT_THAT(std::string(Sv(ReadEvidence({folder_.path()}, &input).message())),
              HasSubstr("long.json is longer"));
  EXPECT_THAT(std::string(Sv(ReadTrustedKey(folder_.Path("long.json")).status().message())),
              HasSubstr("--key"));
  ASSERT_OK(WriteFileAtomic(folder_.Path("key.pem"), "no key"));
  EXPECT_THAT(std::string(Sv(ReadTrustedKey(folder_.Path("key.pem")).status().message())),
              HasSubstr("key.pem"));
}

attest::Weighed Example() {
  attest::Weighed weighed;
  weighed.weight = attest::Weight::kAgreed;
  weighed.farms = 1;
  weighed.hosts = 1;
  attest::WeighedFile& file = weighed.files.emplace_back();
  file.name = "evil\x1b[2Jname";
  file.kind = "verdict";
  file.standing = attest::Standing::kSigned;
  file.key_id = std::string(64, 'c');
  file.subjects = {std::string(64, 'a')};
  attest::FarmSays& says = weighed.verdicts.emplace_back();
  says.key_id = file.key_id;
  says.key_name = "farm.pem";
  says.claim.platform = "linux/amd64";
  says.claim.image = std::string(64, 'a');
  says.claim.verdict = "reproducible";
  says.claim.reason = "2 executions on the same host gave the same bytes\x1b[31m";
  says.claim.level = "image";
  says.claim.executions = 2;
  says.claim.hosts = 1;
  says.claim.same_host = true;
  says.claim.emulated = true;
  says.claim.equal = {"kernel"};
  says.listed = 4;
  says.with_statement = 3;
  says.confirmed = 2;
  return weighed;
}

TEST(RenderEvidenceTest, SaysWhatLimitsAVerdict) {
  const std::string text = RenderWeighed(Example(), {});
  EXPECT_THAT(text, HasSubstr("2 executions of each step on the same host; some emulated"));
  EXPECT_THAT(text, HasSubstr("varied: nothing; equal: kernel"));
  EXPECT_THAT(
      text,
      HasSubstr("of 4 executions 3 name their worker's statement, 2 of which are here and say the same"));
  EXPECT_THAT(text, HasSubstr("agreed: 1 farm; their executions name 1 host"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b"))) << "nothing that a statement says reaches the terminal as it is";
}

TEST(RenderEvidenceTest, JsonHasTheSame) {
  const Json json = WeighedJson(Example());
  EXPECT_EQ(json["result"], "agreed");
  EXPECT_EQ(json["hosts_named"], 1);
  EXPECT_EQ(json["verdicts"][0]["same_host"], true);
  EXPECT_EQ(json["verdicts"][0]["emulated"], true);
  EXPECT_EQ(json["verdicts"][0]["image"], "sha256:" + std::string(64, 'a'));
  EXPECT_EQ(json["files"][0]["standing"], "signed");
}

TEST(RenderEvidenceTest, EachWeightHasItsExitCode) {
  EXPECT_EQ(ExitCodeOf(attest::Weight::kAgreed), kExitOk);
  EXPECT_EQ(ExitCodeOf(attest::Weight::kRefused), kExitBuildFailed);
  EXPECT_EQ(ExitCodeOf(attest::Weight::kDiffers), kExitNotReproducible);
  EXPECT_EQ(ExitCodeOf(attest::Weight::kInconclusive), kExitInconclusive);
}

}  // namespace
}  // namespace crossmill::cli
