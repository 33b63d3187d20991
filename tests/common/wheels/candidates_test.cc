// Choices on small pages: pip's rules one by one, and the reasons of what is no wheel.
#include "common/wheels/candidates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/common/wheels/choice_support.h"

namespace crossmill::python {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kHere = "3.11 x86_64 glibc 2.36";

// The name of the chosen file, "none" if there is none.
std::string Taken(const std::vector<std::string>& page, const ChoiceRules& rules = {},
                  const char* environment = kHere) {
  const ProjectFiles files = Page(page);
  const Choice choice = Choose(files, rules, EnvironmentOf(environment));
  return choice.file == nullptr ? "none" : files.Listed(*choice.file).file_name;
}

ChoiceRules Asking(std::string_view specifier) {
  ChoiceRules rules;
  rules.specifier = Specifiers(specifier);
  return rules;
}

// "KIND [EVIDENCE] SENTENCE" of each reason, then what would help.
std::vector<std::string> Why(const std::vector<std::string>& page, const char* environment,
                             const ChoiceRules& rules = {}) {
  const ProjectFiles files = Page(page);
  const Choice choice = Choose(files, rules, EnvironmentOf(environment));
  std::vector<std::string> told;
  for (const Reason& reason : choice.reasons) {
    told.push_back(
        fmt::format("{} [{}] {}", static_cast<int>(reason.kind), reason.evidence, reason.sentence));
  }
  for (const std::string& sentence : choice.help.sentences) told.push_back(sentence);
  return told;
}

std::string Told(ReasonKind kind, std::string_view evidence, std::string_view sentence) {
  return fmt::format("{} [{}] {}", static_cast<int>(kind), evidence, sentence);
}

TEST(CandidatesTest, VersionThenTagThenBuildThenForm) {
  EXPECT_EQ(Taken({"name-1.0-py3-none-any.whl", "name-2.0.tar.gz"}), "name-2.0.tar.gz");
  EXPECT_EQ(Taken({"name-2.0.tar.gz", "name-2.0-py3-none-any.whl"}), "name-2.0-py3-none-any.whl");
  EXPECT_EQ(Taken({"name-2-cp311-cp311-manylinux1_x86_64.whl", "name-2-py3-none-any.whl",
                   "name-2-cp311-abi3-manylinux_2_17_x86_64.whl"}),
            "name-2-cp311-cp311-manylinux1_x86_64.whl");
  EXPECT_EQ(Taken({"name-2-2-py3-none-any.whl", "name-2-10-py3-none-any.whl", "name-2-py3-none-any.whl"}),
            "name-2-10-py3-none-any.whl");
  // Of equals the last one.
  EXPECT_EQ(Taken({"name-2.0.zip", "name-2.0.tar.gz"}), "name-2.0.tar.gz");
  EXPECT_EQ(Taken({"name-2.0.tar.gz", "name-2.0.0.zip"}), "name-2.0.0.zip");
}

TEST(CandidatesTest, LinuxTagsComeFirstOrLast) {
  const std::vector<std::string> page = {"name-1-cp311-cp311-linux_x86_64.whl",
                                         "name-1-cp311-cp311-manylinux_2_17_x86_64.whl"};
  const ProjectFiles files = Page(page);
  for (const bool first : {true, false}) {
    const auto environment =
        PythonEnvironment::Of({3, 11, false, "x86_64", false, {Libc::Kind::kGlibc, 2, 36}, first}, "3.11.2");
    ASSERT_OK(environment);
    const Choice choice = Choose(files, {}, *environment);
    EXPECT_EQ(files.Listed(*choice.file).file_name, page[first ? 0 : 1]);
  }
}

TEST(CandidatesTest, PrereleasesOnlyIfAskedForOrAlone) {
  const std::vector<std::string> page = {"name-1.0.tar.gz", "name-2.0rc1.tar.gz"};
  EXPECT_EQ(Taken(page), "name-1.0.tar.gz");
  EXPECT_EQ(Taken(page, Asking(">1.0")), "name-2.0rc1.tar.gz");
  EXPECT_EQ(Taken(page, Asking(">=1.0rc1")), "name-2.0rc1.tar.gz");
  ChoiceRules pre;
  pre.prereleases = true;
  EXPECT_EQ(Taken(page, pre), "name-2.0rc1.tar.gz");
  pre.prereleases = false;
  EXPECT_EQ(Taken({"name-2.0rc1.tar.gz"}, pre), "none");
}

TEST(CandidatesTest, YankedOnlyIfPinnedAndAlone) {
  const std::vector<std::string> page = {"name-1.0.tar.gz", "name-2.0.tar.gz yanked=broken",
                                         "name-2.0-py3-none-any.whl yanked=broken"};
  EXPECT_EQ(Taken(page), "name-1.0.tar.gz");
  EXPECT_EQ(Taken(page, Asking("==2.0")), "name-2.0-py3-none-any.whl");
  EXPECT_EQ(Taken(page, Asking("===2.0")), "name-2.0-py3-none-any.whl");
  EXPECT_EQ(Taken(page, Asking("==2.*")), "none");
  EXPECT_EQ(Taken(page, Asking(">=2.0")), "none");
  // One file of the version is not yanked.
  EXPECT_EQ(Taken({"name-2.0.tar.gz", "name-2.0-py3-none-any.whl yanked=x"}, Asking("==2.0")),
            "name-2.0.tar.gz");
  // A final version that was yanked still counts as one beside pre-releases, as in pip.
  EXPECT_EQ(Taken({"name-1.0.tar.gz yanked=x", "name-2.0rc1.tar.gz"}), "none");
}

TEST(CandidatesTest, RequiresPythonIsAsked) {
  const std::vector<std::string> page = {"name-1.0.tar.gz python=>=3.6", "name-2.0.tar.gz python=>=3.12",
                                         "name-1.5.tar.gz python=!=3.11.5", "name-1.1.tar.gz python=rubbish"};
  EXPECT_EQ(Taken(page), "name-1.1.tar.gz");
  EXPECT_EQ(Taken(page, {}, "3.12 x86_64 glibc 2.36"), "name-2.0.tar.gz");
  ChoiceRules ignoring;
  ignoring.ignore_requires_python = true;
  EXPECT_EQ(Taken(page, ignoring), "name-2.0.tar.gz");
}

TEST(CandidatesTest, FormsThatAreAllowed) {
  const std::vector<std::string> page = {"name-1.0-py3-none-any.whl", "name-1.0.tar.gz", "name-2.0.tar.gz"};
  ChoiceRules rules;
  rules.allow_wheels = false;
  EXPECT_EQ(Taken(page, rules), "name-2.0.tar.gz");
  rules = {};
  rules.allow_sources = false;
  EXPECT_EQ(Taken(page, rules), "name-1.0-py3-none-any.whl");
  rules = {};
  rules.prefer_binary = true;
  EXPECT_EQ(Taken(page, rules), "name-1.0-py3-none-any.whl");
  rules.specifier = Specifiers("==2.0");
  EXPECT_EQ(Taken(page, rules), "name-2.0.tar.gz");
}

TEST(CandidatesTest, ExcludeNewerTakesWhatWasThereBefore) {
  const std::vector<std::string> page = {"name-1.0.tar.gz time=2020-01-01T00:00:00Z",
                                         "name-2.0.tar.gz time=2022-01-01T00:00:00Z", "name-3.0.tar.gz"};
  ChoiceRules rules;
  rules.exclude_newer = TimeOf("2022-01-01T00:00:00Z");
  EXPECT_EQ(Taken(page, rules), "name-1.0.tar.gz");
  rules.exclude_newer = TimeOf("2022-01-01T00:00:01Z");
  EXPECT_EQ(Taken(page, rules), "name-2.0.tar.gz");
}

TEST(CandidatesTest, HashesDecideBeforeVersions) {
  const std::vector<std::string> page = {"name-1.0.tar.gz sha256=aa", "name-1.0-py3-none-any.whl sha256=bb",
                                         "name-2.0.tar.gz sha256=cc"};
  ChoiceRules rules;
  rules.hashes = {{"sha256", "aa"}};
  EXPECT_EQ(Taken(page, rules), "name-1.0.tar.gz");
  rules.hashes = {{"sha256", "aa"}, {"sha256", "bb"}};
  EXPECT_EQ(Taken(page, rules), "name-1.0-py3-none-any.whl");
  rules.hashes = {{"sha512", "aa"}};
  EXPECT_EQ(Taken(page, rules), "none");
  // What the page has no hash of may be right.
  EXPECT_EQ(Taken({"name-1.0.tar.gz"}, rules), "name-1.0.tar.gz");
}

TEST(CandidatesTest, FilesThatPipDoesNotKnowAreLeftOut) {
  EXPECT_EQ(Taken({"name-2.0.exe", "name-2.0.rpm", "name-x.tar.gz", "other-3.0.tar.gz",
                   "other-3.0-py3-none-any.whl", "name-4.0-py3-none-any.whl.metadata", "name-5.0-py2.7.egg",
                   "name-1.0.tar.gz"}),
            "name-1.0.tar.gz");
}

TEST(ReasonsTest, NoWheelAtAll) {
  EXPECT_THAT(Why({"name-1.0-py3-none-any.whl", "name-2.0.tar.gz", "name-3.0rc1-py3-none-any.whl"}, kHere),
              ElementsAre(Told(ReasonKind::kNoWheel, "", "name 2.0 has no wheels."),
                          "name 1.0 is older and has a wheel that fits."));
}

TEST(ReasonsTest, Architecture) {
  EXPECT_THAT(Why({"name-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux_2_17_i686.whl", "name-1.0.tar.gz",
                   "name-1.0-cp311-cp311-macosx_11_0_arm64.whl", "name-1.1-py3-none-any.whl python=>=3.12"},
                  "3.11 armv7l glibc 2.36"),
              ElementsAre(Told(ReasonKind::kNoWheelForArchitecture,
                               "name-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux_2_17_i686.whl",
                               "No wheel of name 1.0 is for armv7l; there are wheels for i686, x86_64.")));
  // There is one, for another Python.
  EXPECT_THAT(
      Why({"name-1.0-cp311-cp311-manylinux_2_17_x86_64.whl",
           "name-1.0-cp310-cp310-manylinux_2_17_aarch64.whl", "name-1.0.tar.gz"},
          "3.11 aarch64 glibc 2.36"),
      ElementsAre(Told(ReasonKind::kNoWheelForPython, "name-1.0-cp310-cp310-manylinux_2_17_aarch64.whl",
                       "No wheel of name 1.0 for this platform is for cp311; there are wheels for cp310."),
                  Told(ReasonKind::kNoWheelForArchitecture, "name-1.0-cp311-cp311-manylinux_2_17_x86_64.whl",
                       "No wheel of name 1.0 for this Python is for aarch64; there are wheels for x86_64."),
                  "name 1.0 has a wheel for Python 3.10 here."));
}

TEST(ReasonsTest, NewerLibc) {
  const std::vector<std::string> page = {
      "name-1.0-cp311-cp311-manylinux_2_28_x86_64.whl",
      "name-1.0-cp311-cp311-manylinux_2_24_x86_64.manylinux_2_26_x86_64.whl",
      "name-1.0-cp311-cp311-musllinux_1_2_x86_64.whl",
      "name-1.0.tar.gz",
      "name-2.0-cp311-cp311-manylinux_2_12_x86_64.whl yanked=x",
      "name-0.9-cp311-cp311-manylinux2010_x86_64.whl"};
  EXPECT_THAT(
      Why(page, "3.11 x86_64 glibc 2.17"),
      ElementsAre(Told(ReasonKind::kNewerGlibc,
                       "name-1.0-cp311-cp311-manylinux_2_24_x86_64.manylinux_2_26_x86_64.whl",
                       "The wheels of name 1.0 for x86_64 and this Python need glibc 2.24 or newer; here is "
                       "glibc 2.17."),
                  "name 0.9 is older and has a wheel that fits.",
                  "name 1.0 has a wheel for this Python with glibc 2.24 or newer.",
                  "name 1.0 has a wheel for this Python with musl 1.2 or newer."));
  EXPECT_THAT(
      Why({"name-1.0-cp311-cp311-musllinux_1_2_x86_64.whl", "name-1.0.tar.gz"}, "3.11 x86_64 musl 1.1"),
      ElementsAre(Told(ReasonKind::kNewerMusl, "name-1.0-cp311-cp311-musllinux_1_2_x86_64.whl",
                       "The wheels of name 1.0 for x86_64 and this Python need musl 1.2 or newer; here is "
                       "musl 1.1."),
                  "name 1.0 has a wheel for this Python with musl 1.2 or newer."));
}

TEST(ReasonsTest, TheOtherLibc) {
  EXPECT_THAT(
      Why({"name-1.0-cp311-abi3-manylinux2014_x86_64.whl", "name-1.0.tar.gz"}, "3.12 x86_64 musl 1.2"),
      ElementsAre(Told(ReasonKind::kNoMusllinux, "name-1.0-cp311-abi3-manylinux2014_x86_64.whl",
                       "The wheels of name 1.0 for x86_64 and this Python need glibc; here is musl 1.2."),
                  "name 1.0 has a wheel for this Python with glibc 2.17 or newer."));
  EXPECT_THAT(
      Why({"name-1.0-cp311-cp311-musllinux_1_1_x86_64.whl", "name-1.0.tar.gz"}, kHere),
      ElementsAre(Told(ReasonKind::kOnlyMusllinux, "name-1.0-cp311-cp311-musllinux_1_1_x86_64.whl",
                       "The wheels of name 1.0 for x86_64 and this Python need musl; here is glibc 2.36."),
                  "name 1.0 has a wheel for this Python with musl 1.1 or newer."));
  EXPECT_THAT(
      Why({"name-1.0-cp311-cp311-manylinux1_x86_64.whl", "name-1.0.tar.gz"}, "3.11 x86_64 none"),
      ElementsAre(
          Told(ReasonKind::kNoMusllinux, "name-1.0-cp311-cp311-manylinux1_x86_64.whl",
               "The wheels of name 1.0 for x86_64 and this Python need glibc or musl; here is no libc "
               "that wheels are made for."),
          "name 1.0 has a wheel for this Python with glibc 2.5 or newer."));
}

TEST(ReasonsTest, OtherSystems) {
  EXPECT_THAT(Why({"name-1.0-cp311-cp311-win_amd64.whl", "name-1.0-py3-none-macosx_11_0_arm64.whl",
                   "name-1.0.tar.gz"},
                  kHere),
              ElementsAre(Told(ReasonKind::kNoWheelForSystem, "name-1.0-cp311-cp311-win_amd64.whl",
                               "The wheels of name 1.0 are for other systems than this Linux.")));
}

TEST(ReasonsTest, Pythons) {
  EXPECT_THAT(
      Why({"name-1.0-cp39-cp39-manylinux1_x86_64.whl", "name-1.0-cp310-cp310-manylinux1_x86_64.whl",
           "name-1.0-cp313-cp313t-manylinux1_x86_64.whl", "name-1.0.tar.gz", "name-1.0-cp311-cp311-win32.whl",
           "name-1.0-pp310-pypy310_pp73-manylinux1_x86_64.whl"},
          "3.14 x86_64 glibc 2.36"),
      ElementsAre(Told(ReasonKind::kNoWheelForPython, "name-1.0-cp313-cp313t-manylinux1_x86_64.whl",
                       "No wheel of name 1.0 is for cp314; there are wheels for cp39, cp310, pp310, cp313t."),
                  "name 1.0 has a wheel for Python 3.9, 3.10 here."));
  EXPECT_THAT(Why({"name-1.0-cp312-abi3-manylinux1_x86_64.whl", "name-1.0.tar.gz"}, kHere),
              ElementsAre(Told(ReasonKind::kNoWheelForPython, "name-1.0-cp312-abi3-manylinux1_x86_64.whl",
                               "No wheel of name 1.0 is for cp311; there are wheels for cp312."),
                          "name 1.0 has a wheel for Python 3.12 here."));
}

TEST(ReasonsTest, Threading) {
  EXPECT_THAT(
      Why({"name-1.0-cp313-cp313t-manylinux1_x86_64.whl", "name-1.0.tar.gz"}, "3.13 x86_64 glibc 2.36"),
      ElementsAre(
          Told(ReasonKind::kOnlyFreeThreaded, "name-1.0-cp313-cp313t-manylinux1_x86_64.whl",
               "The wheels of name 1.0 for Python 3.13 need one without the global lock; here is cp313.")));
  EXPECT_THAT(
      Why({"name-1.0-cp39-abi3-manylinux1_x86_64.whl", "name-1.0.tar.gz"}, "3.13t x86_64 glibc 2.36"),
      ElementsAre(
          Told(ReasonKind::kNotFreeThreaded, "name-1.0-cp39-abi3-manylinux1_x86_64.whl",
               "The wheels of name 1.0 for Python 3.13 need one with the global lock; here is cp313t."),
          "name 1.0 has a wheel for Python 3.9, 3.10, 3.11, 3.12 here."));
}

TEST(ReasonsTest, RulesOfTheUser) {
  ChoiceRules rules;
  rules.allow_wheels = false;
  EXPECT_THAT(Why({"name-1.0-py3-none-any.whl", "name-1.0.tar.gz"}, kHere, rules),
              ElementsAre(Told(ReasonKind::kWheelsNotAllowed, "name-1.0-py3-none-any.whl",
                               "Wheels of name are not allowed.")));
  rules = {};
  rules.allow_sources = false;
  EXPECT_THAT(Why({"name-1.0.tar.gz"}, kHere, rules),
              ElementsAre(Told(ReasonKind::kNoWheel, "", "name 1.0 has no wheels."),
                          Told(ReasonKind::kSourcesNotAllowed, "name-1.0.tar.gz",
                               "Source distributions of name are not allowed.")));
  rules = {};
  rules.hashes = {{"sha256", "aa"}};
  EXPECT_THAT(Why({"name-1.0-py3-none-any.whl sha256=bb", "name-1.0.tar.gz sha256=aa"}, kHere, rules),
              ElementsAre(Told(ReasonKind::kHashNotAllowed, "name-1.0-py3-none-any.whl",
                               "No file of name 1.0 that fits has one of the hashes that are allowed.")));
}

TEST(ReasonsTest, Times) {
  ChoiceRules rules;
  rules.exclude_newer = TimeOf("2021-06-01T00:00:00Z");
  EXPECT_THAT(
      Why({"name-2.0-py3-none-any.whl time=2022-03-04T05:06:07Z", "name-2.0.tar.gz time=2021-01-01T00:00:00Z",
           "name-1.0-py3-none-any.whl time=2020-01-01T00:00:00Z"},
          kHere, rules),
      ElementsAre(
          Told(ReasonKind::kTooNew, "name-2.0-py3-none-any.whl",
               "name 2.0 was uploaded on 2022-03-04, and only what is older than 2021-06-01 is taken."),
          "name 1.0 is older and has a wheel that fits."));
  EXPECT_THAT(Why({"name-2.0-py3-none-any.whl"}, kHere, rules),
              ElementsAre(Told(ReasonKind::kUploadTimeUnknown, "name-2.0-py3-none-any.whl",
                               "The index does not say when name 2.0 was uploaded."),
                          Told(ReasonKind::kNoSource, "", "name 2.0 has no source distribution.")));
}

TEST(ReasonsTest, NothingToTake) {
  EXPECT_THAT(
      Why({"name-2.0-py3-none-any.whl python=>=3.12,<3.14", "name-2.0.tar.gz python=>=3.12,<3.14"}, kHere),
      ElementsAre(Told(ReasonKind::kRequiresPython, "name-2.0-py3-none-any.whl",
                       "name 2.0 needs Python >=3.12,<3.14; here is 3.11.5."),
                  "name 2.0 has a wheel for Python 3.12 here."));
  EXPECT_THAT(
      Why({"name-2.0-py3-none-any.whl yanked=broken"}, kHere),
      ElementsAre(Told(ReasonKind::kYanked, "name-2.0-py3-none-any.whl", "name 2.0 was yanked: broken."),
                  Told(ReasonKind::kNoSource, "", "name 2.0 has no source distribution.")));
  EXPECT_THAT(Why({"name-1.0.tar.gz", "name-2.0.tar.gz"}, kHere, Asking(">=3,<4")),
              ElementsAre(Told(ReasonKind::kNoVersion, "name-2.0.tar.gz",
                               "No version of name is >=3,<4; the newest is 2.0.")));
  EXPECT_THAT(Why({"name-1.0.exe"}, kHere),
              ElementsAre(Told(ReasonKind::kNoFiles, "", "The index has no files of name that pip knows.")));
}

TEST(ReasonsTest, TheNearestVersionsAreTold) {
  const ProjectFiles files =
      Page({"name-1.0-py3-none-any.whl", "name-1.5-py3-none-any.whl", "name-1.8-py3-none-any.whl yanked=x",
            "name-2.0.tar.gz", "name-2.1rc1-py3-none-any.whl", "name-2.2-cp312-cp312-linux_x86_64.whl",
            "name-2.3-py3-none-any.whl", "name-3.0-py3-none-any.whl"});
  const Choice choice = Choose(files, Asking("==2.0"), EnvironmentOf(kHere));
  EXPECT_EQ(choice.kind, Choice::Kind::kSource);
  EXPECT_EQ(choice.explained_version, "2.0");
  EXPECT_EQ(choice.help.older_version, "1.5");
  EXPECT_EQ(choice.help.newer_version, "2.3");
  EXPECT_THAT(choice.help.pythons, IsEmpty());
  EXPECT_THAT(choice.help.libcs, IsEmpty());
}

}  // namespace
}  // namespace crossmill::python
