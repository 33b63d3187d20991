// Choices of real pip on recorded pages (tests/support/record_pip_choices.py).
#include <gtest/gtest.h>

#include <map>

#include "tests/common/wheels/choice_support.h"

namespace crossmill::python {
namespace {

std::vector<PythonEnvironment> RecordedEnvironments() {
  std::vector<PythonEnvironment> environments;
  for (const auto& row : GoldenTable("choice_environments.txt")) {
    TagEnvironment tags;
    tags.python_major = std::stoi(row[0]);
    tags.python_minor = std::stoi(row[1]);
    tags.free_threaded = row[2] == "1";
    tags.machine = row[3];
    tags.bits32 = row[4] == "1";
    tags.libc.kind = row[5] == "glibc"  ? Libc::Kind::kGlibc
                     : row[5] == "musl" ? Libc::Kind::kMusl
                                        : Libc::Kind::kNone;
    tags.libc.major = std::stoi(row[6]);
    tags.libc.minor = std::stoi(row[7]);
    auto environment = PythonEnvironment::Of(tags, row[8]);
    EXPECT_OK(environment);
    environments.push_back(*std::move(environment));
  }
  return environments;
}

// Read once.
const ProjectFiles& PageOf(const std::string& project, std::map<std::string, ProjectFiles>& pages) {
  auto found = pages.find(project);
  if (found == pages.end()) found = pages.emplace(project, RecordedPage(project)).first;
  return found->second;
}

ChoiceRules RulesOf(const std::string& specifier, const std::string& options) {
  ChoiceRules rules;
  rules.specifier = Specifiers(specifier);
  const std::vector<std::string> words = absl::StrSplit(options, ' ', absl::SkipEmpty());
  for (const std::string& word : words) {
    if (word == "pre") rules.prereleases = true;
    if (word == "prefer-binary") rules.prefer_binary = true;
    if (word == "no-binary") rules.allow_wheels = false;
    if (word == "only-binary") rules.allow_sources = false;
    if (word.starts_with("before=")) rules.exclude_newer = TimeOf(word.substr(7));
    if (word.starts_with("hash=")) rules.hashes.push_back({"sha256", word.substr(5)});
  }
  return rules;
}

TEST(RecordedChoicesTest, ThePagesGiveWhatPipTakes) {
  const auto environments = RecordedEnvironments();
  std::map<std::string, ProjectFiles> pages;
  std::map<std::string, int> kinds;
  int wrong = 0;
  for (const auto& row : GoldenTable("choices.txt")) {
    const ProjectFiles& page = PageOf(row[0], pages);
    const Choice choice = Choose(page, RulesOf(row[1], row[3]), environments.at(std::stoi(row[2])));
    const std::string taken = choice.file == nullptr ? "-" : page.Listed(*choice.file).file_name;
    ++kinds[taken == "-" ? "none" : choice.kind == Choice::Kind::kWheel ? "wheel" : "source"];
    if (taken != row[4] && ++wrong < 20) {
      ADD_FAILURE() << row[0] << row[1] << " in " << row[2] << " " << row[3] << ": " << taken << ", not "
                    << row[4];
    }
    // What is no wheel has a reason, and every reason its sentence.
    EXPECT_EQ(choice.reasons.empty(), choice.kind == Choice::Kind::kWheel) << row[0] << row[1];
    for (const Reason& reason : choice.reasons)
      EXPECT_TRUE(reason.sentence.ends_with('.')) << reason.sentence;
  }
  EXPECT_EQ(wrong, 0);
  for (const char* kind : {"wheel", "source", "none"}) EXPECT_GE(kinds[kind], 300) << kind;
}

// The same of the program itself, told of the other platform by its flags
// (tests/support/record_pip_pairs.py): for a requirement and a platform, which file.
TEST(RecordedChoicesTest, ThePagesGiveWhatTheProgramTakes) {
  const auto environments = RecordedEnvironments();
  std::map<std::string, ProjectFiles> pages;
  int pairs = 0;
  int wheels = 0;
  for (const auto& row : GoldenTable("pairs.txt")) {
    const ProjectFiles& page = PageOf(row[0], pages);
    const Choice choice = Choose(page, RulesOf(row[1], "only-binary"), environments.at(std::stoi(row[2])));
    const std::string taken = choice.file == nullptr ? "-" : page.Listed(*choice.file).file_name;
    EXPECT_EQ(taken, row[3]) << row[0] << row[1] << " in " << row[2];
    ++pairs;
    wheels += taken == "-" ? 0 : 1;
  }
  EXPECT_GE(pairs, 300);
  EXPECT_GE(wheels, 100);
}

// A version that is said to have a wheel here is taken as one when it is asked for.
TEST(RecordedChoicesTest, HelpHelps) {
  const auto environments = RecordedEnvironments();
  std::map<std::string, ProjectFiles> pages;
  int versions = 0;
  int pythons = 0;
  for (const auto& row : GoldenTable("choices.txt")) {
    if (!row[3].empty()) continue;
    const ProjectFiles& page = PageOf(row[0], pages);
    const PythonEnvironment& environment = environments.at(std::stoi(row[2]));
    const Choice choice = Choose(page, RulesOf(row[1], ""), environment);
    for (const std::string& version : {choice.help.older_version, choice.help.newer_version}) {
      if (version.empty()) continue;
      ++versions;
      EXPECT_EQ(Choose(page, RulesOf("==" + version, ""), environment).kind, Choice::Kind::kWheel)
          << row[0] << version;
    }
    for (const std::string& python : choice.help.pythons) {
      const auto other = environment.WithMinor(std::stoi(python.substr(2)));
      ASSERT_OK(other);
      ++pythons;
      EXPECT_EQ(Choose(page, RulesOf("==" + choice.explained_version, ""), *other).kind, Choice::Kind::kWheel)
          << row[0] << choice.explained_version << " " << python;
    }
  }
  EXPECT_GE(versions, 250);
  EXPECT_GE(pythons, 500);
}

}  // namespace
}  // namespace crossmill::python
