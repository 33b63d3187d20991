// Pythons of real base images, compared with what they said of themselves
// (tests/support/record_image_roots.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/escaping.h"
#include "common/base/json.h"
#include "common/predict/image/image_python.h"
#include "common/python/package_name.h"
#include "tests/common/predict/gzip_file.h"
#include "tests/common/predict/image/memory_root.h"
#include "tests/support/status_matchers.h"

namespace crossmill::predict {
namespace {

std::string ContentOf(const Json& file) {
  std::string content(file[1].get<size_t>(), '\0');
  for (const Json& piece : file[2]) {
    std::string bytes;
    EXPECT_TRUE(absl::Base64Unescape(piece[1].get<std::string>(), &bytes));
    content.replace(piece[0].get<size_t>(), bytes.size(), bytes);
  }
  return content;
}

MemoryRoot RootOf(const Json& files) {
  MemoryRoot root;
  for (const auto& [path, entry] : files.items()) {
    const std::string kind = entry[0].get<std::string>();
    if (kind == "folder") root.Folder(path);
    if (kind == "link") root.Link(path, entry[1].get<std::string>());
    if (kind == "file") root.File(path, ContentOf(entry));
  }
  return root;
}

void ExpectAsTold(const FoundPython& python, const Json& told) {
  EXPECT_EQ(python.version, told["version"].get<std::string>());
  ASSERT_TRUE(python.libc.has_value());
  EXPECT_EQ(told["libc"], Json({"glibc", python.libc->version}));
  EXPECT_EQ("linux-" + python.program.machine, told["machine"].get<std::string>());
  if (told.contains("prefix")) {
    EXPECT_EQ(python.prefix, told["prefix"].get<std::string>());
  }
  if (told.contains("managed")) {
    EXPECT_EQ(python.externally_managed, told["managed"].get<bool>());
  }
  if (!told.contains("installed")) return;
  std::set<std::string> installed;
  for (const InstalledPackage& package : python.installed.packages)
    installed.insert(package.name + " " + package.version);
  std::set<std::string> expected;
  for (const Json& one : told["installed"])
    expected.insert(python::NormaliseName(one[0].get<std::string>()) + " " + one[1].get<std::string>());
  EXPECT_EQ(installed, expected);
}

class RecordedImagesTest : public ::testing::TestWithParam<const char*> {};

TEST_P(RecordedImagesTest, PythonsAreAsTheySay) {
  const auto record = ParseJson(GoldenGzip(std::string("predict/images/") + GetParam() + ".json.gz"));
  ASSERT_OK(record);
  MemoryRoot root = RootOf((*record)["files"]);
  const ImagePythonFinder finder(root);
  const ImagePythons found = finder.Find();
  EXPECT_EQ(found.distribution.id, "debian");
  EXPECT_EQ(found.distribution.version, "12");
  EXPECT_EQ(found.pythons.empty(), (*record)["told"].empty());
  std::set<std::string> real_paths;
  for (const Json& told : (*record)["told"]) {
    SCOPED_TRACE(told["path"].get<std::string>());
    const auto python = finder.Look(told["path"].get<std::string>());
    ASSERT_OK(python);
    ExpectAsTold(*python, told);
    real_paths.insert(python->real_path);
  }
  EXPECT_EQ(found.pythons.size(), real_paths.size());
  for (const FoundPython& python : found.pythons) {
    EXPECT_TRUE(python.notes.empty()) << python.notes[0];
    EXPECT_OK(EnvironmentOf(python));
  }
}

INSTANTIATE_TEST_SUITE_P(Images, RecordedImagesTest,
                         ::testing::Values("python-slim-amd64", "python-slim-arm64", "python-amd64",
                                           "python-arm64", "debian-amd64", "debian-arm64", "node-amd64",
                                           "nginx-amd64"));

}  // namespace
}  // namespace crossmill::predict
