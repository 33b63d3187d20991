#include "worker/task/dist_info.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/files.h"
#include "tests/support/status_matchers.h"

namespace crossmill::worker {
namespace {

class DistInfoTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    folder_ = std::make_unique<TemporaryFolder>(*std::move(folder));
    root_ = folder_->Path("root");
    ASSERT_OK(MakeFolders(root_));
  }

  // Writes a file inside the root and notes it as changed.
  void Write(const std::string& path, const std::string& text) {
    ASSERT_OK(MakeFolders(root_ + "/" + path.substr(0, path.rfind('/'))));
    ASSERT_OK(WriteFileAtomic(root_ + "/" + path, text));
    changed_.push_back(path);
  }

  void Make(const std::string& path) { ASSERT_OK(MakeFolders(root_ + "/" + path)); }

  std::vector<v1::DistInfo> Read() { return ReadPackages(root_, changed_, {}).infos; }

  // The only record there is.
  v1::DistInfo ReadOne() {
    const auto infos = Read();
    EXPECT_EQ(infos.size(), 1u);
    return infos.empty() ? v1::DistInfo() : infos[0];
  }

  std::unique_ptr<TemporaryFolder> folder_;
  std::string root_;
  std::vector<std::string> changed_;
};

constexpr char kMetadata[] =
    "Metadata-Version: 2.1\nName: Six\nVersion: 1.17.0\nSummary: x\n y: z\n\nName: body\n";

TEST_F(DistInfoTest, EveryFileOfACompleteFolderIsRead) {
  const std::string folder = "root/.local/lib/python3.11/site-packages/six-1.17.0.dist-info/";
  Write(folder + "METADATA", kMetadata);
  Write(folder + "WHEEL",
        "Wheel-Version: 1.0\r\nGenerator: bdist_wheel (0.41)\r\nTag: py2-none-any\r\nTag: py3-none-any\r\n");
  Write(folder + "INSTALLER", "pip\n");
  Write(folder + "direct_url.json", "{\"url\": \"file:///x\"}");
  Write(folder + "uv_build.json", "{}");
  Write(folder + "REQUESTED", "");
  const auto infos = Read();
  ASSERT_EQ(infos.size(), 1u);
  EXPECT_EQ(infos[0].path() + "/", folder);
  EXPECT_EQ(infos[0].name(), "Six");
  EXPECT_EQ(infos[0].version(), "1.17.0");
  EXPECT_THAT(infos[0].tags(), testing::ElementsAre("py2-none-any", "py3-none-any"));
  EXPECT_EQ(infos[0].generator(), "bdist_wheel (0.41)");
  EXPECT_EQ(infos[0].installer(), "pip");
  EXPECT_EQ(infos[0].direct_url(), "{\"url\": \"file:///x\"}");
  EXPECT_TRUE(infos[0].uv_build());
  EXPECT_TRUE(infos[0].requested());
}

TEST_F(DistInfoTest, OnlyChangedFoldersCountAndAreSorted) {
  Write("old-1.dist-info/METADATA", kMetadata);
  changed_.clear();
  Write("b-1.dist-info/METADATA", kMetadata);
  Write("a-1.dist-info/METADATA", kMetadata);
  Write("other/file.txt", "x");
  const auto infos = Read();
  ASSERT_EQ(infos.size(), 2u);
  EXPECT_EQ(infos[0].path(), "a-1.dist-info");
  EXPECT_EQ(infos[1].path(), "b-1.dist-info");
  EXPECT_TRUE(infos[0].installer().empty());
}

TEST_F(DistInfoTest, RemovedAndIncompleteFoldersAreLeftOut) {
  changed_.push_back("gone-1.dist-info/METADATA");
  Write("empty-1.dist-info/RECORD", "");
  Write("nameless-1.dist-info/METADATA", "Version: 1\n");
  EXPECT_TRUE(Read().empty());
  EXPECT_TRUE(ReadPackages(root_ + "/nothing", changed_, {}).infos.empty());
}

TEST_F(DistInfoTest, LinksLeadNowhere) {
  ASSERT_OK(WriteFileAtomic(folder_->Path("secret"), "Name: secret\nVersion: 1\n"));
  ASSERT_OK(MakeFolders(folder_->Path("outside-1.dist-info")));
  ASSERT_OK(WriteFileAtomic(folder_->Path("outside-1.dist-info/METADATA"), kMetadata));
  // A file that is a link, a folder that is one, and a folder on the way that is one.
  ASSERT_OK(MakeFolders(root_ + "/file-1.dist-info"));
  ASSERT_EQ(symlink("../../secret", (root_ + "/file-1.dist-info/METADATA").c_str()), 0);
  ASSERT_EQ(symlink(folder_->Path("outside-1.dist-info").c_str(), (root_ + "/folder-1.dist-info").c_str()),
            0);
  ASSERT_EQ(symlink("..", (root_ + "/up").c_str()), 0);
  changed_ = {"file-1.dist-info/METADATA", "folder-1.dist-info/METADATA", "up/outside-1.dist-info/METADATA",
              "../outside-1.dist-info/METADATA"};
  EXPECT_TRUE(Read().empty());
}

TEST_F(DistInfoTest, SpecialFilesDoNotBlockOrCount) {
  Write("x-1.dist-info/METADATA", kMetadata);
  ASSERT_EQ(mkfifo((root_ + "/x-1.dist-info/INSTALLER").c_str(), 0644), 0);
  ASSERT_OK(MakeFolders(root_ + "/x-1.dist-info/uv_build.json"));
  const auto infos = Read();
  ASSERT_EQ(infos.size(), 1u);
  EXPECT_TRUE(infos[0].installer().empty());
  EXPECT_FALSE(infos[0].uv_build());
}

TEST_F(DistInfoTest, LargeAndBinaryFilesAreBounded) {
  Write("x-1.dist-info/METADATA", "Name: x\xff\nVersion: 1\n\n" + std::string(4 << 20, 'd'));
  Write("x-1.dist-info/WHEEL", std::string(1 << 20, 'T'));
  Write("x-1.dist-info/direct_url.json", std::string(1 << 20, '{'));
  const auto infos = Read();
  ASSERT_EQ(infos.size(), 1u);
  EXPECT_EQ(infos[0].name(), "x\xef\xbf\xbd");
  EXPECT_EQ(infos[0].tags_size(), 0);
  EXPECT_TRUE(infos[0].direct_url().empty());
}

TEST_F(DistInfoTest, TagsAreBounded) {
  std::string wheel;
  for (int i = 0; i < 3000; ++i) wheel += "Tag: a-b-c\n";
  Write("x-1.dist-info/METADATA", kMetadata);
  Write("x-1.dist-info/WHEEL", wheel);
  EXPECT_EQ(Read()[0].tags_size(), 512);
}

// ---- other records ----

TEST_F(DistInfoTest, EggInfosAreReadAsFoldersAndAsFiles) {
  Write("usr/lib/python3/dist-packages/PyYAML-6.0.egg-info/PKG-INFO", "Name: PyYAML\nVersion: 6.0\n");
  Write("usr/lib/python3/dist-packages/six-1.16.0.egg-info", "Name: six\nVersion: 1.16.0\n\nLong.\n");
  Write("v/lib/python3.11/site-packages/docopt-0.6.2-py3.11.egg-info/PKG-INFO",
        "Name: docopt\nVersion: 0.6.2\n");
  Write("v/lib/python3.11/site-packages/docopt-0.6.2-py3.11.egg-info/installed-files.txt", "../docopt.py\n");
  Write("v/lib/python3.11/site-packages/old-1-py3.11.egg/EGG-INFO/PKG-INFO", "Name: old\nVersion: 1\n");
  const auto infos = Read();
  ASSERT_EQ(infos.size(), 4u);
  EXPECT_EQ(infos[0].name(), "PyYAML");
  EXPECT_EQ(infos[1].name(), "six");
  EXPECT_EQ(infos[2].name(), "docopt");
  EXPECT_TRUE(infos[2].setup_py_install());
  EXPECT_FALSE(infos[0].setup_py_install());
  EXPECT_EQ(infos[3].name(), "old");
  EXPECT_EQ(infos[3].environment(), "v");
  for (const auto& info : infos) EXPECT_EQ(info.form(), v1::DistInfo::FORM_EGG_INFO);
}

TEST_F(DistInfoTest, AnEggLinkNamesTheFolderThatIsInstalled) {
  Write("src/my_tool.egg-info/PKG-INFO", "Name: my-tool\nVersion: 0.1\n");
  changed_.clear();
  Write("usr/local/lib/python3.11/dist-packages/my-tool.egg-link", "/src\n.");
  const auto info = ReadOne();
  EXPECT_EQ(info.name(), "my-tool");
  EXPECT_EQ(info.form(), v1::DistInfo::FORM_EGG_LINK);
}

// ---- places ----

TEST_F(DistInfoTest, ThePlaceIsJudgedByTheRootAndTheNamesOnTheWay) {
  const struct {
    const char* folder;
    v1::DistInfo::Place place;
    const char* environment;
  } kCases[] = {
      {"usr/local/lib/python3.11/site-packages", v1::DistInfo::PLACE_INTERPRETER, "usr/local"},
      {"usr/local/lib/python3.11/dist-packages", v1::DistInfo::PLACE_INTERPRETER, "usr/local"},
      {"usr/lib/python3/dist-packages", v1::DistInfo::PLACE_INTERPRETER, "usr"},
      {"opt/venv/lib/python3.12/site-packages", v1::DistInfo::PLACE_VIRTUAL_ENVIRONMENT, "opt/venv"},
      {"opt/venv/lib64/python3.12/site-packages", v1::DistInfo::PLACE_VIRTUAL_ENVIRONMENT, "opt/venv"},
      {"root/.local/lib/python3.11/site-packages", v1::DistInfo::PLACE_USER_SITE, "root/.local"},
      {"p/lib/python3.11/site-packages", v1::DistInfo::PLACE_PREFIX, "p"},
      // No interpreter of that version.
      {"usr/local/lib/python3.9/site-packages", v1::DistInfo::PLACE_PREFIX, "usr/local"},
      {"t", v1::DistInfo::PLACE_FOLDER, "t"},
      {"rootfs/usr/lib/python3/dist-packages", v1::DistInfo::PLACE_OTHER_ROOT, "rootfs/usr"},
      {"rootfs/opt/venv/lib/python3.12/site-packages", v1::DistInfo::PLACE_OTHER_ROOT, "rootfs/opt/venv"},
      {"usr/local/lib/python3.11/site-packages/setuptools/_vendor", v1::DistInfo::PLACE_INSTALLER, ""},
      {"usr/local/lib/python3.11/site-packages/tool/bundled", v1::DistInfo::PLACE_INSTALLER, ""},
      {"root/.cache/uv/archive-v0/x8Kq", v1::DistInfo::PLACE_INSTALLER, ""},
      {"cache/builds-v0/.tmpX/lib/python3.11/site-packages", v1::DistInfo::PLACE_INSTALLER, ""},
      {"tmp/pip-build-env-a1b2/overlay/lib/python3.11/site-packages", v1::DistInfo::PLACE_INSTALLER, ""},
      {"tmp/build-env-zz/lib/python3.11/site-packages", v1::DistInfo::PLACE_INSTALLER, ""},
      {"opt/conda/pkgs/six-1.16-py311/lib/python3.11/site-packages", v1::DistInfo::PLACE_INSTALLER, ""},
  };
  for (const char* program :
       {"usr/bin/python3", "usr/bin/python3.11", "rootfs/usr/bin/python3", "opt/venv/pyvenv.cfg",
        "rootfs/etc/passwd", "rootfs/opt/venv/pyvenv.cfg", "opt/conda/pkgs/six-1.16-py311/info/index.json"}) {
    Write(program, "");
  }
  for (const auto& test : kCases) {
    changed_.clear();
    Write(std::string(test.folder) + "/six-1.17.0.dist-info/METADATA", kMetadata);
    const auto info = ReadOne();
    EXPECT_EQ(info.place(), test.place) << test.folder;
    if (test.place != v1::DistInfo::PLACE_INSTALLER) {
      EXPECT_EQ(info.environment(), test.environment);
    }
  }
}

TEST_F(DistInfoTest, WhatMadeTheEnvironmentIsASeed) {
  const std::string site = "v/lib/python3.11/site-packages/";
  Write("usr/share/python-wheels/pip-23.0.1-py3-none-any.whl", "");
  changed_.clear();
  Write("v/pyvenv.cfg", "home = /usr/bin\nversion = 3.11.2\n");
  Write(site + "pip-23.0.1.dist-info/METADATA", "Name: pip\nVersion: 23.0.1\n");
  EXPECT_TRUE(ReadOne().seed());
  // Another package, another version than the bundled one, an environment of an earlier step.
  changed_ = {"v/pyvenv.cfg"};
  Write(site + "six-1.dist-info/METADATA", kMetadata);
  EXPECT_FALSE(ReadOne().seed());
  changed_ = {"v/pyvenv.cfg"};
  Write(site + "pip-26.dist-info/METADATA", "Name: pip\nVersion: 26\n");
  EXPECT_FALSE(ReadOne().seed());
  changed_ = {site + "pip-23.0.1.dist-info/METADATA"};
  EXPECT_FALSE(ReadOne().seed());
}

TEST_F(DistInfoTest, WheelIsASeedOnlyOfWhatBringsIt) {
  const std::string record = "v/lib/python3.11/site-packages/wheel-0.37.1.dist-info/";
  Write("v/pyvenv.cfg", "home = /usr/bin\nversion = 3.11.2\n");
  Write(record + "METADATA", "Name: wheel\nVersion: 0.37.1\n");
  EXPECT_FALSE(ReadOne().seed()) << "ensurepip does not have it: somebody installed it";
  Write("v/pyvenv.cfg", "home = /usr/bin\nversion = 3.11.2\nvirtualenv = 20.4\n");
  EXPECT_TRUE(ReadOne().seed());
  Write(record + "REQUESTED", "");
  EXPECT_FALSE(ReadOne().seed()) << "asked for by name, in an environment of virtualenv too";
}

TEST_F(DistInfoTest, ARecordIsAsNewAsItsNewestFile) {
  const std::string site = "usr/lib/python3.11/site-packages/";
  Write(site + "six/__init__.py", "");
  Write(site + "six-1.17.0.dist-info/METADATA", kMetadata);
  Write(site + "six-1.17.0.dist-info/RECORD", "");
  const std::vector<int64_t> times = {9, 2, 5};
  const auto infos = ReadPackages(root_, changed_, times).infos;
  ASSERT_EQ(infos.size(), 1u);
  EXPECT_EQ(infos[0].written_at(), 5);
  EXPECT_EQ(ReadOne().written_at(), 0) << "nobody knows";
}

TEST_F(DistInfoTest, BundledWheelsOfAnInterpreterElsewhereCountToo) {
  Write("opt/python/lib/python3.12/ensurepip/_bundled/pip-24.0-py3-none-any.whl", "");
  changed_.clear();
  Write("v/pyvenv.cfg", "home = /opt/python/bin\nversion = 3.12.1\n");
  Write("v/lib/python3.12/site-packages/pip-24.0.dist-info/METADATA", "Name: pip\nVersion: 24.0\n");
  EXPECT_TRUE(ReadOne().seed());
}

// ---- wheels ----

std::string Describe(const std::vector<v1::WheelFile>& wheels) {
  std::string text;
  for (const v1::WheelFile& wheel : wheels) {
    text += v1::WheelFile::Origin_Name(wheel.origin()) + (wheel.added() ? " added " : " earlier ") +
            wheel.file_name() + "\n";
  }
  return text;
}

TEST_F(DistInfoTest, WheelsInFoldersAndCachesAreTold) {
  const std::string pip = "root/.cache/pip/wheels/9f/ca/d7/8f2399d70f5d641d4fef951a78d6aa4ab64cc582/";
  const std::string uv = "root/.cache/uv/";
  Write(pip + "termcolor-1.1.0-py3-none-any.whl", "");
  Write(uv + "sdists-v9/pypi/docopt/0.6.2/ID/docopt-0.6.2-py2.py3-none-any.whl", "");
  Write(uv + "wheels-v5/pypi/typing-extensions/4.12.2-py3-none-any.http", "");
  Write("wh/six-1.17.0-py2.py3-none-any.whl", "");
  changed_.push_back("wh/gone-1-py3-none-any.whl");
  const auto facts = ReadPackages(root_, changed_, {});
  EXPECT_EQ(Describe(facts.wheels),
            "ORIGIN_BUILT added termcolor-1.1.0-py3-none-any.whl\n"
            "ORIGIN_BUILT added docopt-0.6.2-py2.py3-none-any.whl\n"
            "ORIGIN_FETCHED added typing_extensions-4.12.2-py3-none-any.whl\n"
            "ORIGIN_UNKNOWN added six-1.17.0-py2.py3-none-any.whl\n");
}

TEST_F(DistInfoTest, EarlierWheelsOfThePackagesAreLookedUpInTheCaches) {
  const std::string pip = "home/joe/.cache/pip/wheels/9f/ca/d7/8f2399d70f5d641d4fef951a78d6aa4ab64cc582/";
  Write(pip + "six-1.17.0-py3-none-any.whl", "");
  Write(pip + "six-1.16.0-py3-none-any.whl", "");
  Write(pip + "other-1-py3-none-any.whl", "");
  Write("root/.cache/uv/wheels-v5/pypi/six/1.17.0-py2.py3-none-any.http", "");
  Write("root/.cache/uv/sdists-v9/pypi/six/1.17.0/ID/six-1.17.0-py2.py3-none-any.whl", "");
  changed_.clear();
  Write("v/lib/python3.11/site-packages/six-1.17.0.dist-info/METADATA", kMetadata);
  EXPECT_EQ(Describe(ReadPackages(root_, changed_, {}).wheels),
            "ORIGIN_BUILT earlier six-1.17.0-py3-none-any.whl\n"
            "ORIGIN_BUILT earlier six-1.17.0-py2.py3-none-any.whl\n"
            "ORIGIN_FETCHED earlier six-1.17.0-py2.py3-none-any.whl\n");
}

TEST_F(DistInfoTest, OrdinaryStepsAreNotLookedInto) {
  EXPECT_FALSE(
      MayHoldPackages(std::vector<std::string>{"usr/bin/tool", "srv/a.egg-info.txt", "x.dist-info"}));
  EXPECT_TRUE(MayHoldPackages(std::vector<std::string>{"a/b.dist-info/RECORD"}));
  EXPECT_TRUE(MayHoldPackages(std::vector<std::string>{"a/b.egg-info"}));
  EXPECT_TRUE(MayHoldPackages(std::vector<std::string>{"wh/b.whl"}));
}

}  // namespace
}  // namespace crossmill::worker
