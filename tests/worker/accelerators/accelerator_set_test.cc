#include "worker/accelerators/accelerator_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <functional>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "common/base/files.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "tests/support/status_matchers.h"
#include "worker/accelerators/calibration_record.h"
#include "worker/accelerators/table_format.h"

namespace crossmill::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::FieldsAre;
using ::testing::HasSubstr;

const std::string kNative = "native cc1";

Json FileEntry(const std::string& path, const std::string& content) {
  Json entry;
  entry["path"] = path;
  entry["size"] = content.size();
  entry["sha256"] = Sha256Hex(content);
  return entry;
}

Json SetManifest() {
  Json manifest;
  manifest["format"] = 3;
  manifest["name"] = "debian-test-arm64";
  manifest["architecture"] = "arm64";
  manifest["files"] = Json::array({FileEntry("bin/cc1", kNative), FileEntry("lib/libz.so.1", "z")});
  manifest["files"][0]["executable"] = true;
  Json tool;
  tool["name"] = "gcc-12/cc1";
  tool["program"] = "bin/cc1";
  tool["loads"] = Json::array({"lib/libz.so.1"});
  tool["stands_for"] = FileEntry("/usr/lib/gcc/cc1", "emulated cc1");
  tool["needs"] = Json::array({FileEntry("/lib/libisl.so", "isl")});
  tool["arguments"] = Json::array();
  for (const auto& [kind, text] : {std::pair("fine-prefix", "-dump"), std::pair("emulated-word", "-v")}) {
    Json rule;
    rule["kind"] = kind;
    rule["text"] = text;
    tool["arguments"].push_back(rule);
  }
  manifest["tools"] = Json::array({tool});
  return manifest;
}

std::string ProblemOf(const Json& manifest) {
  return ParseAcceleratorSet(WriteJson(manifest)).status().ToString();
}

TEST(AcceleratorSetTest, AManifestIsRead) {
  const std::string text = WriteJson(SetManifest());
  const auto set = ParseAcceleratorSet(text);
  ASSERT_OK(set);
  EXPECT_EQ(set->name, "debian-test-arm64");
  EXPECT_EQ(set->architecture, "arm64");
  EXPECT_EQ(set->digest, DigestOf(text));
  ASSERT_EQ(set->files.size(), 2u);
  EXPECT_TRUE(set->files[0].executable);
  EXPECT_FALSE(set->files[1].executable);
  ASSERT_EQ(set->tools.size(), 1u);
  EXPECT_EQ(set->tools[0].stands_for.path, "/usr/lib/gcc/cc1");
  EXPECT_EQ(set->tools[0].stands_for.digest, DigestOf("emulated cc1"));
  EXPECT_EQ(set->tools[0].needs[0].digest, DigestOf("isl"));
  EXPECT_EQ(set->tools[0].loads, std::vector<std::string>({"lib/libz.so.1"}));
  ASSERT_EQ(set->tools[0].rules.size(), 2u);
  EXPECT_EQ(set->tools[0].rules[1].kind, static_cast<uint32_t>(ACCELERATED_EMULATED_WORD));
}

TEST(AcceleratorSetTest, AFileIsReplacedByOneOfTheSetOnly) {
  Json manifest = SetManifest();
  Json rule;
  rule["kind"] = "replaced-file";
  rule["text"] = "-plugin";
  rule["from"] = "/usr/lib/plugin.so";
  rule["to"] = "lib/libz.so.1";
  manifest["tools"][0]["arguments"].push_back(rule);
  const auto set = ParseAcceleratorSet(WriteJson(manifest));
  ASSERT_OK(set);
  EXPECT_EQ(set->tools[0].rules[2].kind, static_cast<uint32_t>(ACCELERATED_REPLACED_FILE));
  EXPECT_EQ(set->tools[0].rules[2].from, "/usr/lib/plugin.so");
  EXPECT_EQ(set->tools[0].rules[2].to, "lib/libz.so.1");
  manifest["tools"][0]["arguments"][2]["to"] = "lib/other";
  EXPECT_THAT(ProblemOf(manifest), HasSubstr("that is not in the set"));
  manifest["tools"][0]["arguments"][2]["to"] = "lib/libz.so.1";
  manifest["tools"][0]["arguments"][2].erase("from");
  EXPECT_THAT(ProblemOf(manifest), HasSubstr("has no 'from'"));
}

Json Rule(const std::string& kind, const std::string& text, const std::string& from = "",
          const std::string& to = "") {
  Json rule;
  rule["kind"] = kind;
  rule["text"] = text;
  if (!from.empty()) rule["from"] = from;
  if (!to.empty()) rule["to"] = to;
  return rule;
}

TEST(AcceleratorSetTest, RulesOfArgumentsVariablesAndFoldersAreRead) {
  Json manifest = SetManifest();
  Json& tool = manifest["tools"][0];
  tool["arguments"] =
      Json::array({Rule("added", "-cc1", "--target=x"), Rule("added", "--target", "--target", "x"),
                   Rule("needed", "-cc1", "-triple"), Rule("own-name", ""), Rule("own-place", ""),
                   Rule("own-name", "clang clang++"), Rule("native-crates", "")});
  tool["variables"] = Json::array({Rule("fine-prefix", "LD_RUN_PATH="),
                                   Rule("library-folders", "LD_LIBRARY_PATH=", "libc.so.6 libz.so.1"),
                                   Rule("telemetry-off", "")});
  tool["folders"] = Json::array({Rule("entries", "/usr/lib/bfd-plugins", "one.so"), Rule("entries", "/empty"),
                                 Rule("without", "/usr/bin", ".cfg")});
  const auto set = ParseAcceleratorSet(WriteJson(manifest));
  ASSERT_OK(set);
  std::vector<std::tuple<uint32_t, std::string, std::string, std::string>> rules;
  for (const CallRule& rule : set->tools[0].rules)
    rules.emplace_back(rule.kind, rule.text, rule.from, rule.to);
  EXPECT_THAT(
      rules,
      ElementsAre(FieldsAre(ACCELERATED_ADDED_ARGUMENTS, "-cc1", "--target=x", ""),
                  FieldsAre(ACCELERATED_ADDED_ARGUMENTS, "--target", "--target", "x"),
                  FieldsAre(ACCELERATED_NEEDED_ARGUMENT, "-cc1", "-triple", ""),
                  FieldsAre(ACCELERATED_OWN_NAME, "", "", ""), FieldsAre(ACCELERATED_OWN_PLACE, "", "", ""),
                  FieldsAre(ACCELERATED_OWN_NAME, "clang clang++", "", ""),
                  FieldsAre(ACCELERATED_NATIVE_CRATES, "", "", ""),
                  FieldsAre(ACCELERATED_FINE_VARIABLE, "LD_RUN_PATH=", "", ""),
                  FieldsAre(ACCELERATED_LIBRARY_FOLDERS, "LD_LIBRARY_PATH=", "libc.so.6 libz.so.1", ""),
                  FieldsAre(ACCELERATED_TELEMETRY_OFF, "", "", ""),
                  FieldsAre(ACCELERATED_FOLDER_ENTRIES, "/usr/lib/bfd-plugins", "one.so", ""),
                  FieldsAre(ACCELERATED_FOLDER_ENTRIES, "/empty", "", ""),
                  FieldsAre(ACCELERATED_FOLDER_WITHOUT, "/usr/bin", ".cfg", "")));
  for (const auto& [list, rule] :
       {std::pair("arguments", Rule("added", "-cc1")), std::pair("arguments", Rule("entries", "/x")),
        std::pair("arguments", Rule("needed", "-cc1")), std::pair("arguments", Rule("fine-prefix", "")),
        std::pair("variables", Rule("library-folders", "LD_LIBRARY_PATH=")),
        std::pair("variables", Rule("library-folders", "LD_LIBRARY_PATH", "libz.so.1")),
        std::pair("variables", Rule("own-name", "")), std::pair("folders", Rule("entries", "")),
        std::pair("folders", Rule("without", "/usr/bin"))}) {
    manifest = SetManifest();
    manifest["tools"][0][list] = Json::array({rule});
    EXPECT_TRUE(absl::IsInvalidArgument(ParseAcceleratorSet(WriteJson(manifest)).status()))
        << WriteJson(rule);
  }
}

TEST(AcceleratorSetTest, WhatIsWrongWithAManifestIsSaid) {
  EXPECT_TRUE(absl::IsInvalidArgument(ParseAcceleratorSet("no JSON").status()));
  Json manifest = SetManifest();
  manifest["format"] = 1;
  EXPECT_THAT(ProblemOf(manifest), HasSubstr("scripts/make-accelerators"));
  for (const char* path : {"/etc/passwd", "../x", "bin/../../x", "", "bin//x", "bin/."}) {
    manifest = SetManifest();
    manifest["files"][1]["path"] = path;
    EXPECT_THAT(ProblemOf(manifest), HasSubstr("no path in the set")) << path;
  }
  manifest = SetManifest();
  manifest["name"] = "../other";
  EXPECT_THAT(ProblemOf(manifest), HasSubstr("no name of a set"));
  manifest = SetManifest();
  manifest["files"][0]["executable"] = false;
  EXPECT_THAT(ProblemOf(manifest), HasSubstr("is not in the set"));
  manifest = SetManifest();
  manifest["tools"][0]["stands_for"]["sha256"] = "12";
  EXPECT_THAT(ProblemOf(manifest), HasSubstr("no SHA-256 digest"));
  manifest = SetManifest();
  manifest["tools"][0]["stands_for"]["path"] = "usr/bin/as";
  EXPECT_THAT(ProblemOf(manifest), HasSubstr("no absolute path"));
  manifest = SetManifest();
  manifest["tools"][0]["arguments"][0]["kind"] = "maybe";
  EXPECT_THAT(ProblemOf(manifest), HasSubstr("'maybe'"));
  for (const char* variable : {"GOARCH", "=x"}) {
    manifest = SetManifest();
    manifest["tools"][0]["variables"] = Json::array({Json{{"kind", "needed"}, {"text", variable}}});
    EXPECT_THAT(ProblemOf(manifest), HasSubstr("is no variable")) << variable;
  }
  manifest["tools"][0]["variables"] = Json::array({Json{{"kind", "wanted"}, {"text", "A=b"}}});
  EXPECT_THAT(ProblemOf(manifest), HasSubstr("'wanted'"));
  for (const Json& loads : {Json("lib/libz.so.1"), Json::array({"lib/other"}), Json::array({7})}) {
    manifest = SetManifest();
    manifest["tools"][0]["loads"] = loads;
    EXPECT_THAT(ProblemOf(manifest), HasSubstr("loads")) << WriteJson(loads);
  }
  manifest = SetManifest();
  manifest["tools"][0]["processor"] = Json::array({"fma", ""});
  EXPECT_THAT(ProblemOf(manifest), HasSubstr("processor without a name"));
  manifest = SetManifest();
  manifest["tools"] = 7;
  EXPECT_THAT(ProblemOf(manifest), HasSubstr("'tools'"));
}

TEST(AcceleratorSetTest, ACopyIsComparedWithTheManifest) {
  const auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  const std::string source = folder->Path("source"), target = folder->Path("target");
  ASSERT_OK(MakeFolders(source + "/bin"));
  ASSERT_OK(MakeFolders(source + "/lib"));
  ASSERT_OK(WriteFileAtomic(source + "/bin/cc1", kNative));
  ASSERT_OK(WriteFileAtomic(source + "/lib/libz.so.1", "z"));
  ASSERT_OK(WriteFileAtomic(source + "/lib/unknown", "not in the manifest"));
  ASSERT_OK(MakeFolders(target + "/old"));
  const auto set = ParseAcceleratorSet(WriteJson(SetManifest()));
  ASSERT_OK(set);
  ASSERT_OK(CopyAcceleratorSet(*set, {}, source, target));
  EXPECT_FALSE(Exists(target + "/bin")) << "of no tool";
  ASSERT_OK(MakeFolders(target + "/old"));
  ASSERT_OK(CopyAcceleratorSet(*set, set->tools, source, target));
  EXPECT_EQ(*ReadFile(target + "/lib/libz.so.1"), "z");
  EXPECT_EQ(*ReadFile(target + "/bin/cc1"), kNative);
  struct stat state {};
  ASSERT_EQ(stat((target + "/bin/cc1").c_str(), &state), 0);
  EXPECT_EQ(state.st_mode & 07777, 0755u);
  EXPECT_FALSE(Exists(target + "/old"));
  EXPECT_FALSE(Exists(target + "/lib/unknown"));
  ASSERT_OK(WriteFileAtomic(source + "/bin/cc1", "another one"));
  EXPECT_TRUE(absl::IsDataLoss(CopyAcceleratorSet(*set, set->tools, source, target)));
}

class CalibrationRecordTest : public testing::Test {
 protected:
  CalibrationRecordTest() : set_(*ParseAcceleratorSet(WriteJson(SetManifest()))) {
    record_["format"] = 2;
    Json& result = record_["tools"]["gcc-12/cc1"];
    result["tool"] = "sha256:" + ToolIdentity(set_, set_.tools[0]);
    result["emulator"] = emulator_.Oci();
    result["corpus_units"] = 250;
    result["units"] = 120;
    result["equal"] = 120;
  }
  // The reason, empty if the tool is used.
  std::string Refusal() const {
    const auto verdicts = JudgeTools(set_, emulator_, WriteJson(record_));
    if (!verdicts.ok()) return verdicts.status().ToString();
    EXPECT_EQ(verdicts->size(), 1u);
    EXPECT_EQ(verdicts->front().usable, verdicts->front().reason.empty());
    return verdicts->front().reason;
  }
  const Digest emulator_ = DigestOf("qemu");
  const AcceleratorSet set_;
  Json record_;
};

TEST_F(CalibrationRecordTest, AToolWhoseUnitsWereAllEqualIsUsed) { EXPECT_EQ(Refusal(), ""); }

TEST_F(CalibrationRecordTest, OneDifferenceIsEnoughToRefuse) {
  record_["tools"]["gcc-12/cc1"]["equal"] = 119;
  EXPECT_THAT(Refusal(), HasSubstr("1 of 120 units differed"));
}

TEST_F(CalibrationRecordTest, TooFewUnitsProveNothing) {
  record_["tools"]["gcc-12/cc1"]["corpus_units"] = 199;
  EXPECT_THAT(Refusal(), HasSubstr("199 units"));
  record_["tools"]["gcc-12/cc1"]["corpus_units"] = 200;
  record_["tools"]["gcc-12/cc1"]["units"] = record_["tools"]["gcc-12/cc1"]["equal"] = 74;
  EXPECT_THAT(Refusal(), HasSubstr("74 units"));
  record_["tools"]["gcc-12/cc1"]["units"] = -1;
  EXPECT_NE(Refusal(), "");
}

TEST_F(CalibrationRecordTest, AResultIsOfOneToolAndOneEmulator) {
  record_["tools"]["gcc-12/cc1"]["emulator"] = DigestOf("another qemu").Oci();
  EXPECT_THAT(Refusal(), HasSubstr("another emulator"));
  record_["tools"]["gcc-12/cc1"]["emulator"] = emulator_.Oci();
  record_["tools"]["gcc-12/cc1"]["tool"] = DigestOf("x").Oci();
  EXPECT_THAT(Refusal(), HasSubstr("another making"));
}

// Each of them, and nothing else, is a reason to calibrate again.
TEST(ToolIdentityTest, HasWhatMakesADifferenceForTheTool) {
  const auto identity = [](const Json& manifest) {
    const auto set = ParseAcceleratorSet(WriteJson(manifest));
    EXPECT_OK(set);
    return ToolIdentity(*set, set->tools[0]);
  };
  const std::string before = identity(SetManifest());
  // tests/accelerator_records_test.py has the same.
  EXPECT_EQ(before, "95541f74a0a35ec3e9d89b007fea87beabcb8a2c82713482a6214bf741dcfada");
  Json more = SetManifest();
  more["files"].push_back(FileEntry("bin/compile", "go"));
  more["files"][2]["executable"] = true;
  Json tool = more["tools"][0];
  tool["name"] = "go/compile";
  tool["program"] = "bin/compile";
  tool["variables"] = Json::array({Json{{"kind", "needed"}, {"text", "GOARCH=arm64"}}});
  more["tools"].push_back(tool);
  EXPECT_EQ(identity(more), before) << "another tool";
  more["files"].push_back(FileEntry("lib/libc.so.6", "c"));
  EXPECT_EQ(identity(more), before) << "what only another tool loads";
  more["name"] = "another-name";
  EXPECT_EQ(identity(more), before);
  const std::function<void(Json&)> changes[] = {
      [](Json& made) { made["files"][0]["sha256"] = Sha256Hex("other"); },
      [](Json& made) { made["files"][1]["sha256"] = Sha256Hex("other"); },
      [](Json& made) { made["tools"][0]["loads"] = Json::array(); },
      [](Json& made) {
        made["files"].push_back(FileEntry("lib/libc.so.6", "c"));
        made["tools"][0]["loads"].push_back("lib/libc.so.6");
      },
      [](Json& made) { made["tools"][0]["stands_for"]["sha256"] = Sha256Hex("other"); },
      [](Json& made) { made["tools"][0]["needs"] = Json::array(); },
      [](Json& made) { made["tools"][0]["arguments"].erase(1); },
      [](Json& made) { made["tools"][0]["arguments"][1]["text"] = "-w"; },
      [](Json& made) { made["tools"][0]["arguments"][0]["kind"] = "emulated-prefix"; },
      [](Json& made) {
        made["tools"][0]["variables"] = Json::array({Json{{"kind", "needed"}, {"text", "A=b"}}});
      },
      [](Json& made) { made["tools"][0]["folders"] = Json::array({Rule("entries", "/plugins", "a")}); },
      [](Json& made) { made["tools"][0]["arguments"].push_back(Rule("added", "-x", "-y")); },
      [](Json& made) { made["tools"][0]["processor"] = Json::array({"fma"}); },
  };
  for (const auto& change : changes) {
    Json changed = SetManifest();
    change(changed);
    EXPECT_NE(identity(changed), before) << WriteJson(changed);
  }
  // What it is given in another file's place is part of it, too.
  Json given = SetManifest();
  given["files"].push_back(FileEntry("lib/plugin.so", "plugin"));
  given["tools"][0]["arguments"].push_back(
      Rule("replaced-file", "-plugin", "/usr/lib/plugin.so", "lib/plugin.so"));
  const std::string with_plugin = identity(given);
  given["files"][2]["sha256"] = Sha256Hex("other");
  EXPECT_NE(identity(given), with_plugin);
  // What loads nothing is the same in every set.
  Json alone = SetManifest();
  alone["tools"][0]["loads"] = Json::array();
  const std::string without_libraries = identity(alone);
  alone["files"][1]["sha256"] = Sha256Hex("other");
  EXPECT_EQ(identity(alone), without_libraries);
  alone["files"][0]["sha256"] = Sha256Hex("other");
  EXPECT_NE(identity(alone), without_libraries);
}

TEST_F(CalibrationRecordTest, WhatIsNoRecordIsSaid) {
  record_["tools"] = Json::array();
  EXPECT_THAT(Refusal(), HasSubstr("calibrate-accelerators"));
  EXPECT_TRUE(absl::IsInvalidArgument(JudgeTools(set_, emulator_, "{").status()));
  record_["tools"] = Json::object();
  EXPECT_THAT(Refusal(), HasSubstr("not on record"));
}

}  // namespace
}  // namespace crossmill::worker
