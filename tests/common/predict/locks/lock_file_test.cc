// Locks of real uv compared with what it exports (tests/support/record_locks.py); small ones of the other
// tools.
#include "common/predict/locks/lock_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/files.h"
#include "common/base/json.h"
#include "tests/common/predict/gzip_file.h"
#include "tests/common/wheels/choice_support.h"

namespace crossmill::predict {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Strings(const Json& list) {
  std::vector<std::string> texts;
  for (const Json& one : list) texts.push_back(one.get<std::string>());
  return texts;
}

std::vector<std::string> Told(const std::vector<ResolvedPackage>& packages) {
  std::vector<std::string> told;
  for (const ResolvedPackage& package : packages) told.push_back(package.name + " " + package.version);
  return told;
}

TEST(LockFileTest, AsUvExportsThem) {
  const auto text = ReadFile(std::string(CROSSMILL_GOLDEN_FOLDER) + "/predict/locks/exports.json");
  ASSERT_OK(text);
  const auto exports = ParseJson(*text);
  ASSERT_OK(exports);
  std::map<std::string, LockFile> locks;
  for (const std::string name : {"uv.lock", "pylock.toml"}) {
    auto lock = ReadLockFile(*LockFormatOf(name), GoldenGzip("predict/locks/" + name + ".gz"));
    ASSERT_OK(lock);
    locks.emplace(name, *std::move(lock));
  }
  ASSERT_EQ(exports->size(), 20U);
  std::map<python::Choice::Kind, int> kinds;
  for (const Json& one : *exports) {
    SCOPED_TRACE(one.dump().substr(0, 150));
    LockSelection selection;
    selection.extras = Strings(one["extras"]);
    selection.groups = Strings(one["groups"]);
    selection.without_dev = one["without_dev"].get<bool>();
    selection.default_groups = std::vector<std::string>{"dev"};
    const auto packages = SelectLocked(locks.at(one["lock"].get<std::string>()), selection, {},
                                       python::EnvironmentOf(one["environment"].get<std::string>()));
    ASSERT_OK(packages);
    EXPECT_EQ(Told(*packages), Strings(one["packages"]));
    for (const ResolvedPackage& package : *packages) {
      ++kinds[package.choice.kind];
      ASSERT_NE(package.choice.file, nullptr) << package.name;
      EXPECT_EQ(package.choice.file->version.Text(), package.version);
      EXPECT_FALSE(package.page->Listed(*package.choice.file).hashes.empty());
      EXPECT_EQ(package.choice.reasons.empty(), package.choice.kind == python::Choice::Kind::kWheel);
    }
  }
  EXPECT_GE(kinds[python::Choice::Kind::kWheel], 400);
  EXPECT_GE(kinds[python::Choice::Kind::kSource], 20);
}

std::vector<std::string> Selected(LockFormat format, const std::string& text,
                                  const LockSelection& selection = {},
                                  const char* environment = "3.11 x86_64 glibc 2.36") {
  const auto lock = ReadLockFile(format, text);
  if (!lock.ok()) return {"! " + std::string(lock.status().message())};
  const auto packages = SelectLocked(*lock, selection, {}, python::EnvironmentOf(environment));
  if (!packages.ok()) return {"! " + std::string(packages.status().message())};
  return Told(*packages);
}

constexpr const char* kPoetry = R"(
[[package]]
name = "A_a"
version = "1.0"
groups = ["main"]
files = [{file = "a_a-1.0-py3-none-any.whl", hash = "sha256:aa"}]
[[package]]
name = "b"
version = "2.0"
groups = ["main", "dev"]
markers = {main = "python_version < \"3.9\"", dev = "python_version >= \"3.9\""}
files = []
[[package]]
name = "c"
version = "3.0"
groups = ["docs"]
markers = "sys_platform == \"linux\""
files = []
[[package]]
name = "d"
version = "4.0"
optional = true
groups = ["main"]
files = []
[extras]
x = ["d"]
[metadata]
lock-version = "2.1"
)";

TEST(LockFileTest, Poetry) {
  EXPECT_THAT(
      Selected(LockFormat::kPoetry, kPoetry),
      ElementsAre("! whether the group 'dev' is installed, the project's file says, which is not known"));
  LockSelection selection;
  const auto groups = DefaultGroups(
      LockFormat::kPoetry,
      "[tool.poetry.group.dev.dependencies]\nb = \"*\"\n[tool.poetry.group.docs]\noptional = true\n");
  ASSERT_OK(groups);
  EXPECT_THAT(*groups, ElementsAre("dev"));
  selection.default_groups = *groups;
  EXPECT_THAT(Selected(LockFormat::kPoetry, kPoetry, selection), ElementsAre("a-a 1.0", "b 2.0"));
  selection = {};
  selection.without_dev = true;
  selection.groups = {"docs"};
  EXPECT_THAT(Selected(LockFormat::kPoetry, kPoetry, selection), ElementsAre("a-a 1.0", "c 3.0"));
  selection = {};
  selection.only_groups = true;
  selection.groups = {"main"};
  selection.extras = {"x"};
  EXPECT_THAT(Selected(LockFormat::kPoetry, kPoetry, selection), ElementsAre("a-a 1.0", "d 4.0"));
  EXPECT_THAT(Selected(LockFormat::kPoetry, "[metadata]\nlock-version = \"2.0\"\n"),
              ElementsAre("! a lock of a version that is not known"));
}

TEST(LockFileTest, PdmAndPlaces) {
  const std::string text = R"(
[metadata]
groups = ["default", "dev"]
lock_version = "4.5.0"
[[package]]
name = "a"
version = "1.0"
groups = ["default"]
marker = "python_version >= \"3.9\""
files = [{file = "a-1.0.tar.gz", hash = "sha256:aa"}]
[[package]]
name = "b"
version = "2.0"
groups = ["dev"]
git = "https://vcs.example/b"
)";
  LockSelection selection;
  selection.default_groups =
      DefaultGroups(LockFormat::kPdm, "[tool.pdm.dev-dependencies]\ndev = [\"b\"]\n").value();
  EXPECT_THAT(Selected(LockFormat::kPdm, text, selection), ElementsAre("a 1.0", "b 2.0"));
  EXPECT_THAT(Selected(LockFormat::kPdm, text, selection, "3.8 x86_64 glibc 2.36"), ElementsAre("b 2.0"));
  EXPECT_THAT(DefaultGroups(LockFormat::kUv, "").value(), ElementsAre("dev"));
  EXPECT_THAT(DefaultGroups(LockFormat::kUv, "[tool.uv]\ndefault-groups = [\"x\"]\n").value(),
              ElementsAre("x"));
  EXPECT_THAT(
      DefaultGroups(LockFormat::kUv, "[dependency-groups]\na = []\n[tool.uv]\ndefault-groups = \"all\"\n")
          .value(),
      ElementsAre("a"));
  const auto lock = ReadLockFile(LockFormat::kPdm, text);
  ASSERT_OK(lock);
  EXPECT_EQ(lock->packages[1].location, "git+https://vcs.example/b");
}

TEST(LockFileTest, WhatIsNone) {
  EXPECT_FALSE(LockFormatOf("requirements.txt").has_value());
  EXPECT_EQ(LockFormatOf("/app/pylock.dev.toml"), LockFormat::kPylock);
  EXPECT_THAT(Selected(LockFormat::kUv, "version = "), ElementsAre(HasSubstr("! line 1")));
  EXPECT_THAT(Selected(LockFormat::kUv, "version = 1\n"), ElementsAre("! the lock has no project"));
  EXPECT_THAT(Selected(LockFormat::kUv, "version = 1\n[[package]]\nname = \"-\"\n"),
              ElementsAre("! a package without a name"));
  const std::string project = "version = 1\n[[package]]\nname = \"p\"\nsource = { virtual = \".\" }\n";
  EXPECT_THAT(Selected(LockFormat::kUv, project + "dependencies = [{ name = \"q\" }]\n"),
              ElementsAre("! the lock has no package q"));
  LockSelection selection;
  selection.extras = {"no"};
  EXPECT_THAT(Selected(LockFormat::kUv, project, selection), ElementsAre("! the lock has no extra 'no'"));
  EXPECT_THAT(Selected(LockFormat::kUv, project + "dependencies = [{ name = \"p\", marker = \"x\" }]\n"),
              ElementsAre(HasSubstr("a marker that is none")));
  // Circles, depth, any bytes.
  EXPECT_THAT(Selected(LockFormat::kUv, project + "dependencies = [{ name = \"p\" }]\n"), ElementsAre("p "));
  EXPECT_THAT(Selected(LockFormat::kUv, "a = " + std::string(100'000, '[')),
              ElementsAre(HasSubstr("! line 1")));
  for (const char* text :
       {"\xff\xfe", "[[package", "package = 1", "version = 1\npackage = [1, 2]", "[[package]]\nname = 1"})
    Selected(LockFormat::kPylock, text);
}

}  // namespace
}  // namespace crossmill::predict
