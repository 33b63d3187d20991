#include "coordinator/wheels/toolchain.h"

#include <gtest/gtest.h>

#include <list>
#include <string>
#include <vector>

namespace crossmill::coordinator {
namespace {

class ToolchainTest : public ::testing::Test {
 protected:
  // A layer with these files, "PATH=CONTENT"; "-PATH" removes.
  void Add(const std::vector<std::string>& files) {
    layer::LayerManifest& manifest = manifests_.emplace_back();
    for (const std::string& file : files) {
      layer::ManifestEntry entry;
      const size_t equals = file.find('=');
      if (file[0] == '-') {
        entry.whiteout = true;
        entry.entry.path = file.substr(1);
      } else {
        entry.entry.path = file.substr(0, equals);
        entry.entry.mode = 0644;
        entry.sha256 = Sha256Hex(file.substr(equals + 1));
      }
      manifest.entries.push_back(std::move(entry));
    }
    layers_.push_back({DigestOf(std::to_string(layers_.size())), &manifest});
  }
  // The digest with these files above a base.
  std::string With(const std::vector<std::string>& files) {
    manifests_.clear();
    layers_ = {{DigestOf("base"), nullptr}};
    Add({"usr/bin/gcc=1", "usr/lib/libc.so=1"});
    Add(files);
    return ToolchainDigest(layers_, scope_);
  }

  std::list<layer::LayerManifest> manifests_;
  std::vector<ToolchainLayer> layers_;
  ToolchainScope scope_{
      .folder = "/app", .files = {"/requirements.txt"}, .environment = {}, .isolated = true};
};

TEST_F(ToolchainTest, WhatCompilersSeeCounts) {
  const std::string plain = With({});
  EXPECT_EQ(plain, With({}));
  EXPECT_NE(plain, With({"usr/bin/gcc=2"}));
  EXPECT_NE(plain, With({"usr/include/ffi.h=1"}));
  EXPECT_NE(plain, With({"-usr/bin/gcc"}));
  EXPECT_NE(plain, With({"root/.cargo/bin/rustc=1"}));
  EXPECT_NE(plain, With({"toolchains/bin/cc=1"})) << "what is not known to be harmless counts";
  EXPECT_NE(plain, With({"usr/lib/python3/site-packages/setuptools/__init__.py=1"}));
  EXPECT_NE(plain, With({"usr/lib/python3/site-packages/patch.pth=1"}));
}

TEST_F(ToolchainTest, TheApplicationAndWhatIsInstalledDoNot) {
  const std::string plain = With({});
  EXPECT_EQ(plain, With({"app=d", "app/main.py=1", "requirements.txt=flask"}));
  EXPECT_EQ(plain, With({"tmp/x=1", "var/log/apt.log=1", "root/.cache/pip/x=1"}));
  EXPECT_EQ(plain, With({"usr/lib/python3/site-packages/flask/__init__.py=1"}));
  EXPECT_EQ(plain, With({"usr/lib/python3/os.cpython-311.pyc=1"}));
  EXPECT_NE(plain, With({"apple=1"})) << "a name that begins like the folder's";
  EXPECT_NE(plain, With({"usr/lib/python3/site-packages/pip-24.0.dist-info/RECORD=1"}));
}

TEST_F(ToolchainTest, AVariableThatNamesSomethingMakesItCount) {
  scope_.environment = {"CFLAGS=-I/app/include", "PIP_CONSTRAINT=/requirements.txt"};
  const std::string plain = With({});
  EXPECT_NE(plain, With({"app/include/x.h=1"}));
  EXPECT_NE(plain, With({"requirements.txt=flask"}));
}

TEST_F(ToolchainTest, BuildsThatAreNotIsolatedSeeAllThatIsInstalled) {
  scope_.isolated = false;
  EXPECT_NE(With({}), With({"usr/lib/python3/site-packages/numpy/__init__.py=1"}));
}

TEST_F(ToolchainTest, AWorkingFolderOfTheSystemCounts) {
  scope_.folder = "/usr/src";
  EXPECT_NE(With({}), With({"usr/src/include/x.h=1"}));
  scope_.folder = "/";
  EXPECT_NE(With({}), With({"x.h=1"}));
}

TEST_F(ToolchainTest, AHomeIsNoApplication) {
  for (const char* home : {"/root", "/home", "/home/app"}) {
    scope_.folder = home;
    const std::string rustc = std::string(home).substr(1) + "/cargo/bin/rustc";
    EXPECT_NE(With({rustc + "=1"}), With({rustc + "=2"})) << home;
  }
  scope_.folder = "/home/app/service";
  EXPECT_EQ(With({"home/app/service/main.py=1"}), With({"home/app/service/main.py=2"}));
  // A user's home may be any folder.
  scope_.folder = "/srv/app";
  EXPECT_NE(With({"srv/app/.cargo/config.toml=1"}), With({"srv/app/.cargo/config.toml=2"}));
  EXPECT_NE(With({"srv/app/.pydistutils.cfg=1"}), With({}));
  EXPECT_EQ(With({"srv/app/.git/HEAD=1"}), With({"srv/app/.git/HEAD=2"}));
}

TEST_F(ToolchainTest, TemporaryFilesThatAVariableNamesCount) {
  scope_.environment = {"CFLAGS=-I/tmp/deps/include"};
  EXPECT_NE(With({"tmp/deps/include/x.h=1"}), With({"tmp/deps/include/x.h=2"}));
  EXPECT_EQ(With({"var/log/apt.log=1"}), With({"var/log/apt.log=2"}));
}

TEST_F(ToolchainTest, TheBaseCountsAsAWhole) {
  const std::string plain = With({});
  layers_[0].tar = DigestOf("another base");
  EXPECT_NE(plain, ToolchainDigest(layers_, scope_));
}

TEST_F(ToolchainTest, AFileThatWasRemovedAndPutBackIsThere) {
  With({"usr/bin/gcc=2"});
  Add({"-usr/bin"});
  Add({"usr/bin/gcc=1"});
  const std::string again = ToolchainDigest(layers_, scope_);
  EXPECT_NE(again, With({}));  // the rest of the base's /usr/bin is gone
}

}  // namespace
}  // namespace crossmill::coordinator
