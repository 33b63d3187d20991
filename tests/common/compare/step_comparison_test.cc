#include "common/compare/step_comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/digest.h"
#include "common/base/status.h"
#include "common/compare/layer_contents.h"
#include "common/layer/manifest_diff.h"
#include "tests/common/layer/sample_tree.h"
#include "tests/support/status_matchers.h"

namespace crossmill::compare {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// 2026-11-27 15:04:05 UTC; the second execution ran an hour and three seconds later.
constexpr int64_t kFirstTime = 1795791845;
constexpr int64_t kSecondTime = kFirstTime + 3603;

class StepComparisonTest : public testing::Test, public StepContents {
 protected:
  StepComparisonTest() {
    first_facts_ = {.worker = "w1",
                    .host_name = "crossmill",
                    .machine_name = "alpha",
                    .kernel = "6.1",
                    .cpu_model = "A",
                    .processors = "4",
                    .begin = kFirstTime * 1'000'000'000,
                    .end = (kFirstTime + 1) * 1'000'000'000};
    second_facts_ = {.worker = "w2",
                     .host_name = "builder-1.crossmill",
                     .machine_name = "beta",
                     .kernel = "6.1",
                     .cpu_model = "A",
                     .processors = "3",
                     .begin = kSecondTime * 1'000'000'000,
                     .end = (kSecondTime + 1) * 1'000'000'000};
  }

  absl::StatusOr<std::unique_ptr<Content>> OpenFirst(const std::string& path) override {
    return Open(first_, path);
  }
  absl::StatusOr<std::unique_ptr<Content>> OpenSecond(const std::string& path) override {
    return Open(second_, path);
  }
  static absl::StatusOr<std::unique_ptr<Content>> Open(const std::map<std::string, std::string>& files,
                                                       const std::string& path) {
    const auto found = files.find(path);
    if (found == files.end()) return absl::NotFoundError("no " + path);
    return std::make_unique<StringContent>(found->second);
  }

  void Differ(const std::string& path, const std::string& first, const std::string& second) {
    first_[path] = first;
    second_[path] = second;
    v1::PathDifference& difference = differences_.emplace_back();
    difference.set_path(path);
    difference.set_kind(v1::PathDifference::KIND_CONTENT);
    ToProto(DigestOf(first), difference.mutable_first());
    ToProto(DigestOf(second), difference.mutable_second());
  }
  void Alone(const std::string& path, bool first) {
    v1::PathDifference& difference = differences_.emplace_back();
    difference.set_path(path);
    difference.set_kind(first ? v1::PathDifference::KIND_ONLY_FIRST : v1::PathDifference::KIND_ONLY_SECOND);
  }
  StepExplanation Explain(const StepLimits& limits = {}) {
    return ExplainStep(differences_, {first_facts_, second_facts_, changes_, normalized_}, *this,
                       KnownFiles::Embedded(), limits, {});
  }
  // "CLASS: PATH PATH <- DERIVED" of each group.
  std::vector<std::string> Groups() {
    std::vector<std::string> groups;
    for (const v1::CauseGroup& group : Explain().causes) {
      std::string text = group.cause().class_() + ":";
      for (const std::string& path : group.paths()) text += " " + path;
      for (const std::string& path : group.derived()) text += " <- " + path;
      groups.push_back(text);
    }
    return groups;
  }

  ExecutionFacts first_facts_;
  ExecutionFacts second_facts_;
  std::vector<v1::InputChange> changes_;
  std::optional<std::vector<std::string>> normalized_;
  std::map<std::string, std::string> first_;
  std::map<std::string, std::string> second_;
  std::vector<v1::PathDifference> differences_;
};

TEST_F(StepComparisonTest, ATimeIsOneOnlyIfEachSideHasItsOwn) {
  Differ("stamp", std::to_string(kFirstTime) + "\n", std::to_string(kSecondTime) + "\n");
  const StepExplanation right = Explain();
  ASSERT_EQ(right.causes.size(), 1u);
  EXPECT_EQ(right.causes[0].cause().class_(), "embedded-time");
  EXPECT_EQ(right.causes[0].cause().confidence(), v1::Cause::CONFIDENCE_CERTAIN);
  EXPECT_THAT(right.causes[0].cause().evidence(), HasSubstr("1795791845 on w1, 1795795448 on w2"));
  differences_.clear();
  Differ("stamp", std::to_string(kSecondTime) + "\n", std::to_string(kFirstTime) + "\n");
  EXPECT_THAT(Groups(), testing::Not(testing::Contains(HasSubstr("embedded-time"))));
  second_facts_.begin = second_facts_.end = 0;
  differences_.clear();
  Differ("stamp", std::to_string(kFirstTime) + "\n", std::to_string(kSecondTime) + "\n");
  EXPECT_THAT(Groups(), testing::Not(testing::Contains(HasSubstr("embedded-time")))) << "no clock was told";
}

TEST_F(StepComparisonTest, RecordedNamesAndNumbers) {
  Differ("a", "host=crossmill\n", "host=builder-1.crossmill\n");
  Differ("b", "-j4\n", "-j3\n");
  Differ("c", "on alpha.\n", "on beta.\n");
  EXPECT_THAT(Groups(), ElementsAre("host-name: a c", "processors: b"));
}

TEST_F(StepComparisonTest, AddressesAreChance) {
  Differ("api", "<object at 0x7f16d1538190>\n", "<object at 0x7f1331ac8190>\n");
  EXPECT_THAT(Groups(), ElementsAre("random: api"));
}

// It would be a coincidence; nothing is said that the record does not carry.
TEST_F(StepComparisonTest, OtherNumbersAreNotTheProcessors) {
  Differ("b", "-j8\n", "-j3\n");
  EXPECT_THAT(Groups(), ElementsAre("unknown: b"));
}

TEST_F(StepComparisonTest, UnknownSaysWhatWasExcluded) {
  Differ("word", "yes\n", "no\n");
  const StepExplanation explained = Explain();
  ASSERT_EQ(explained.causes.size(), 1u);
  EXPECT_THAT(
      explained.causes[0].cause().evidence(),
      HasSubstr("line 1: yes on w1, no on w2; it is none of the times of both executions, host names"));
  EXPECT_EQ(explained.causes[0].cause().remedy(), "");
}

TEST_F(StepComparisonTest, WordsOfOneLengthAreNotRandom) {
  Differ("word", "the alphabet is here\n", "the document is here\n");
  EXPECT_THAT(Groups(), ElementsAre("unknown: word"));
}

TEST_F(StepComparisonTest, Chance) {
  Differ("a", "7d0c2b1e-9f5a-4a6b-8c3d-2e1f0a9b8c7d\n", "1b2c3d4e-5f6a-4b8c-9d0e-1f2a3b4c5d6e\n");
  Differ("b", "token = deadbeefcafe1234\n", "token = 0123456789abcdef\n");
  Differ("c", std::string("\x01\x02\x80\x04\x05\x06\x07\x08\x09\x0a", 10),
         std::string("\x11\x12\x13\x84\x15\x16\x17\x18\x19\x1a", 10));
  EXPECT_THAT(Groups(), ElementsAre("random: a b c"));
}

TEST_F(StepComparisonTest, TemporaryFolders) {
  Differ("app.py", "path = '/tmp/pip-install-x1b2/foo/a.c'\n", "path = '/tmp/pip-install-9f3c/foo/a.c'\n");
  EXPECT_THAT(Groups(), ElementsAre("build-path: app.py"));
}

TEST_F(StepComparisonTest, WhatNamesAnotherDifferenceOnlyFollows) {
  const std::string first = std::to_string(kFirstTime), second = std::to_string(kSecondTime);
  Differ("site/p.py", first, second);
  Differ("site/p.dist-info/RECORD", "p.py,sha256=" + DigestOf(first).hash + ",10\n",
         "p.py,sha256=" + DigestOf(second).hash + ",10\n");
  Differ("sums", std::string(32, 'a') + "  ./p.py\n", std::string(32, 'b') + "  ./p.py\n");
  EXPECT_THAT(Groups(), ElementsAre("embedded-time: site/p.py <- site/p.dist-info/RECORD <- sums"));
  // The same line without such a file is no checksum of anything known.
  differences_.clear();
  Differ("sums", std::string(32, 'a') + "  ./p.py\n", std::string(32, 'b') + "  ./p.py\n");
  EXPECT_THAT(Groups(), ElementsAre("unknown: sums"));
}

// Each stands with what it follows from, also over another that only follows.
TEST_F(StepComparisonTest, DerivedPathsStandWithTheirOwnRoots) {
  const std::string first = std::to_string(kFirstTime), second = std::to_string(kSecondTime);
  Differ("stamp", first, second);
  Differ("word", "yes\n", "no\n");
  const auto sum = [](const std::string& bytes) { return DigestOf(bytes).hash + "  it\n"; };
  Differ("stamp.sha256", sum(first), sum(second));
  Differ("all.sha256", sum(sum(first)), sum(sum(second)));
  EXPECT_THAT(Groups(), ElementsAre("unknown: word", "embedded-time: stamp <- all.sha256 <- stamp.sha256"));
}

// A line is not explained by what explains a part of it.
TEST_F(StepComparisonTest, APartThatNothingExplainsLeavesTheWholeUnknown) {
  Differ("a", "on alpha: apples\n", "on beta: pears\n");
  Differ("b", std::to_string(kFirstTime) + " apples\n", std::to_string(kSecondTime) + " pears\n");
  EXPECT_THAT(Groups(), ElementsAre("unknown: a b"));
}

TEST_F(StepComparisonTest, ManyPathsWithOneCauseAreOneGroup) {
  for (int i = 0; i < 234; ++i) {
    Differ("d/" + std::to_string(i), "at " + std::to_string(kFirstTime), "at " + std::to_string(kSecondTime));
  }
  const StepExplanation explained = Explain();
  ASSERT_EQ(explained.causes.size(), 1u);
  EXPECT_EQ(explained.causes[0].paths_total(), 234u);
  EXPECT_EQ(explained.causes[0].paths_size(), 20);
}

TEST_F(StepComparisonTest, OneThingWithTwoNames) {
  Alone("out/build-" + std::to_string(kFirstTime), true);
  Alone("out/build-" + std::to_string(kSecondTime), false);
  Alone("lone", true);
  EXPECT_THAT(Groups(),
              ElementsAre("unknown: lone", "embedded-time: out/build-1795791845 <- out/build-1795795448"));
}

TEST_F(StepComparisonTest, WhatIsInAFolderThatOneSideHasFollowsFromIt) {
  Alone("d", true);
  Alone("d/a", true);
  Alone("d/b/c", true);
  EXPECT_THAT(Groups(), ElementsAre("unknown: d <- d/a <- d/b/c"));
}

TEST_F(StepComparisonTest, KnownFilesAreSaidWithTheirReason) {
  Differ("etc/machine-id", "deadbeefcafe12340123456789abcdef\n", "1b2c3d4e5f6a4b8c9d0e1f2a3b4c5d6e\n");
  const StepExplanation explained = Explain();
  ASSERT_EQ(explained.causes.size(), 1u);
  EXPECT_EQ(explained.causes[0].cause().rule(), "etc/machine-id");
  EXPECT_THAT(explained.causes[0].cause().evidence(), HasSubstr("the machine's id"));
  // What differs there in another way is no matter of the rule.
  differences_.clear();
  Differ("etc/machine-id", "yes\n", "no\n");
  EXPECT_EQ(Explain().causes[0].cause().rule(), "");
}

TEST_F(StepComparisonTest, OtherInput) {
  v1::InputChange& change = changes_.emplace_back();
  change.set_name("http://host/release");
  change.set_first("sha256:" + DigestOf("yes").hash);
  change.set_second("sha256:" + DigestOf("no").hash);
  Differ("release", "yes", "no");
  Differ("copy", "x yes", "x no");
  Differ("stamp", std::to_string(kFirstTime), std::to_string(kSecondTime));
  const StepExplanation explained = Explain();
  EXPECT_THAT(Groups(), ElementsAre("embedded-time: stamp", "input: release copy"));
  EXPECT_EQ(explained.causes[1].cause().confidence(), v1::Cause::CONFIDENCE_LIKELY)
      << "no surer than the least sure";
  EXPECT_THAT(explained.causes[1].cause().evidence(), HasSubstr("http://host/release"));
}

TEST_F(StepComparisonTest, LimitsAreSaid) {
  Differ("a", "1", "2");
  Differ("b", "1", "2");
  StepLimits limits;
  limits.paths = 1;
  EXPECT_THAT(Explain(limits).problem, HasSubstr("1 paths were not looked at"));
  limits = {};
  limits.bytes = 2;
  EXPECT_THAT(Explain(limits).problem, HasSubstr("1 paths were not looked at"));
  first_.erase("a");
  EXPECT_THAT(Explain().problem, HasSubstr("/a: no a"));
}

TEST_F(StepComparisonTest, ContentsAreReadAtTheirPlacesInTheLayers) {
  const std::vector<layer::SampleEntry> tree = layer::SampleTree();
  std::vector<layer::SampleEntry> other = tree;
  for (layer::SampleEntry& each : other) {
    if (each.entry.path == "links/a/first") each.content = "SHARED";
  }
  const auto [first_tar, first] = layer::WriteLayer(tree);
  const auto [second_tar, second] = layer::WriteLayer(other);
  const std::unique_ptr<BlobStore> blobs = MakeMemoryBlobStore();
  const auto first_blob = blobs->PutBytes(first_tar), second_blob = blobs->PutBytes(second_tar);
  ASSERT_OK(first_blob);
  ASSERT_OK(second_blob);
  LayerContents contents(*blobs, *first_blob, first, *second_blob, second);
  for (const char* path : {"links/a/first", "links/a-hard"}) {
    auto ours = contents.OpenFirst(path), theirs = contents.OpenSecond(path);
    ASSERT_OK(ours);
    ASSERT_OK(theirs);
    EXPECT_EQ((*ours)->Read(0, 100).value(), "shared");
    EXPECT_EQ((*theirs)->Read(2, 2).value(), "AR");
    EXPECT_EQ((*theirs)->Read(4, 2).value(), "ED");
    EXPECT_EQ((*theirs)->Read(6, 2).value(), "");
  }
  EXPECT_TRUE(absl::IsNotFound(contents.OpenFirst("links").status()));
}

TEST(KnownFilesTest, TheEmbeddedRulesAreRight) {
  v1::Cause cause;
  cause.set_class_("random");
  KnownFiles::Embedded().Apply("etc/ssh/ssh_host_rsa_key", &cause);
  EXPECT_EQ(cause.rule(), "etc/ssh/ssh_host_*");
}

TEST(KnownFilesTest, AnOperatorsRulesRankFirst) {
  const auto more =
      KnownFiles::Parse("mine", "file /etc/machine-id\n  when random\n  say ours\n  do nothing at all\n");
  ASSERT_OK(more);
  v1::Cause cause;
  cause.set_class_("random");
  cause.set_evidence("bytes");
  KnownFiles::Embedded().With(*more).Apply("etc/machine-id", &cause);
  EXPECT_EQ(cause.evidence(), "ours; bytes");
  EXPECT_EQ(cause.remedy(), "nothing at all");
}

TEST(KnownFilesTest, BadRulesSayWhere) {
  const auto why = [](std::string_view text) { return KnownFiles::Parse("mine", text).status().ToString(); };
  EXPECT_THAT(why("when random\n"), HasSubstr("mine:1: a rule begins with 'file GLOB'"));
  EXPECT_THAT(why("# x\nfile a\n  say b\n"), HasSubstr("mine:2: a rule needs 'when CLASS"));
  EXPECT_THAT(why("file a\n  when random\n"), HasSubstr("mine:1: a rule needs a reason"));
  EXPECT_THAT(why("file a\n  when moon\n  say b\n"), HasSubstr("there is no class 'moon'"));
  EXPECT_THAT(why("file a\n  colour red\n"), HasSubstr("mine:2: 'colour' is none of"));
  EXPECT_THAT(why("file\n"), HasSubstr("mine:1: 'file' needs a value"));
}

TEST_F(StepComparisonTest, WhatWasLeftOutOfAFileIsSaid) {
  std::string first, second;
  for (int i = 0; i < 500; ++i) {
    first += "a" + std::to_string(i) + "\n";
    second += "b" + std::to_string(i * 7) + "\n";
  }
  Differ("few", "one\n", "two\n");
  EXPECT_EQ(Explain().problem, "");
  Differ("log", first, second);
  EXPECT_EQ(Explain().problem, "/log differs in more than was looked at");
}

// What was fetched explains the bytes of a file and not its mode.
TEST_F(StepComparisonTest, MetadataBesideFetchedBytesIsSaid) {
  Differ("fetched", "old\n", "new\n");
  differences_.back().set_detail("mode 0644 != 0600");
  v1::InputChange& change = changes_.emplace_back();
  change.set_name("http://host/fetched");
  change.set_first("sha256:" + DigestOf("old\n").hash);
  change.set_second("sha256:" + DigestOf("new\n").hash);
  EXPECT_THAT(Groups(), testing::UnorderedElementsAre("input: fetched", "file-metadata: fetched"));
}

TEST_F(StepComparisonTest, ARuleOfNormalizeIsNamedWhereItTakesTheCauseOut) {
  Differ("var/log/dpkg.log", std::to_string(kFirstTime) + "\n", std::to_string(kSecondTime) + "\n");
  const auto cause = [&] { return Explain().causes.at(0).cause(); };
  EXPECT_EQ(cause().normalize(), "") << "whether it was applied is not known";
  normalized_.emplace();
  EXPECT_EQ(cause().normalize(), "apt-logs");
  EXPECT_THAT(cause().remedy(), testing::EndsWith("Or crossmill build --normalize=apt-logs"));
  normalized_ = {"machine-id", "apt-logs"};
  EXPECT_EQ(cause().normalize(), "") << "it is there in spite of the rule";
  EXPECT_THAT(cause().remedy(), testing::Not(HasSubstr("--normalize")));
}

TEST_F(StepComparisonTest, CargosNotesAreThoseInItsHomes) {
  normalized_.emplace();
  for (const auto& [path, known] :
       {std::pair("root/.cargo/.global-cache", true), std::pair(".cargo/.global-cache", true),
        std::pair("usr/local/cargo/.global-cache", true), std::pair("srv/own.cargo/.global-cache", false)}) {
    differences_.clear();
    Differ(path, std::to_string(kFirstTime) + "\n", std::to_string(kSecondTime) + "\n");
    const auto explained = Explain();
    EXPECT_EQ(explained.causes.at(0).cause().evidence().find("cargo's notes") != std::string::npos, known)
        << path << ": " << explained.causes.at(0).cause().evidence();
    EXPECT_EQ(explained.causes.at(0).cause().normalize(), known ? "cargo-cache" : "") << path;
  }
}

TEST_F(StepComparisonTest, RulesOfNormalizeAreForTheirFilesAndCausesOnly) {
  normalized_.emplace();
  Differ("var/log/own.log", std::to_string(kFirstTime) + "\n", std::to_string(kSecondTime) + "\n");
  // The name of the account.
  Differ("etc/shadow", "ann:!:20784:0\n", "bob:!:20784:0\n");
  Differ("etc/machine-id", "crossmill\n", "builder-1.crossmill\n");
  // A text that a program wrote, not a compiler.
  Differ("usr/lib/note", "/tmp/tmpab3d_x1z/b\n", "/tmp/tmpq9_kk2c4/b\n");
  for (const v1::CauseGroup& group : Explain().causes)
    EXPECT_EQ(group.cause().normalize(), "") << group.DebugString();
}

// A verdict looks at them: coordinator/verdict/possible_times.h.
TEST_F(StepComparisonTest, OfWhatNothingExplainsBothSidesAreShown) {
  Differ("answer", "42\n", "43\n");
  const auto causes = Explain().causes;
  ASSERT_EQ(causes.size(), 1u);
  EXPECT_EQ(causes[0].cause().class_(), "unknown");
  EXPECT_EQ(causes[0].paths_total(), 1u);
  EXPECT_EQ(causes[0].example().first(), "42");
  EXPECT_EQ(causes[0].example().second(), "43");
}

TEST_F(StepComparisonTest, OnlyPackingIsWhatLeavesTheContentsAsTheyAre) {
  const auto gzip = [](char time) {
    // An empty text, with the time in the header.
    std::string bytes("\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0", 20);
    bytes[4] = time;
    return bytes;
  };
  const auto pyc = [](const std::string& time, const std::string& code) {
    return std::string("\xa7\x0d\r\n\0\0\0\0", 8) + time + "size" + code;
  };
  Differ("a.gz", gzip(1), gzip(2));
  Differ("a.pyc", pyc("abcd", "code"), pyc("efgh", "code"));
  v1::PathDifference& time = differences_.emplace_back();
  time.set_path("b");
  time.set_kind(v1::PathDifference::KIND_TIME);
  const std::vector<v1::PathDifference> packing = differences_;
  EXPECT_TRUE(Explain().only_packing);
  const auto with = [&](const auto& change) {
    differences_ = packing;
    change();
    return Explain().only_packing;
  };
  EXPECT_FALSE(with([&] { Differ("c", "one\n", "two\n"); }));
  EXPECT_FALSE(with([&] { Differ("c.pyc", pyc("abcd", "code"), pyc("abcd", "kode")); }));
  EXPECT_FALSE(with([&] { Differ("c.pyc", "\xa6" + pyc("abcd", "code").substr(1), pyc("abcd", "code")); }));
  EXPECT_FALSE(with([&] { Alone("c", true); }));
  EXPECT_FALSE(with([&] { differences_[0].set_detail("mode 0644 != 0755"); }));
  EXPECT_FALSE(with([&] {
    v1::PathDifference& mode = differences_.emplace_back();
    mode.set_path("d");
    mode.set_kind(v1::PathDifference::KIND_METADATA);
  }));
  // A checksum follows from what is packed, and is content all the same.
  EXPECT_FALSE(with([&] {
    Differ("SHA256SUMS", DigestOf(gzip(1)).hash + "  a.gz\n", DigestOf(gzip(2)).hash + "  a.gz\n");
  }));
  differences_ = packing;
  EXPECT_FALSE(Explain({.file = {}, .paths = 1}).only_packing) << "not all was looked at";
  differences_.clear();
  EXPECT_FALSE(Explain().only_packing);
}

}  // namespace
}  // namespace crossmill::compare
