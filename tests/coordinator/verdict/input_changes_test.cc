#include "coordinator/verdict/input_changes.h"

#include <gtest/gtest.h>

#include <string>

namespace crossmill::verdict {
namespace {

v1::Fetch& AddFetch(ExecutionInput* input, const std::string& url, const std::string& sha256) {
  v1::Fetch& fetch = *input->fetches.add_fetches();
  fetch.set_kind(v1::Fetch::KIND_HTTP);
  fetch.set_method("GET");
  fetch.set_url(url);
  fetch.set_status(200);
  fetch.set_sha256(sha256);
  return fetch;
}

void AddPackage(ExecutionInput* input, const std::string& name, const std::string& version,
                bool installed = true) {
  v1::PackageOutcome& package = input->packages.emplace_back();
  package.set_name(name);
  package.set_version(version);
  package.set_installed(installed);
}

class InputChangesTest : public testing::Test {
 protected:
  // "NAME FIRST SECOND" of each, ended by semicolons.
  std::string Changes(size_t limit = 100) {
    std::string text;
    for (const v1::InputChange& change : ChangedInputs(first_, other_, limit)) {
      text += change.name() + " " + change.first() + " " + change.second() + ";";
    }
    return text;
  }

  ExecutionInput first_;
  ExecutionInput other_;
};

TEST_F(InputChangesTest, TheSameBytesAreTheSameInputWhereverTheyCameFrom) {
  AddFetch(&first_, "http://mirror-1/a.deb", "aa");
  AddFetch(&other_, "http://mirror-2/a.deb", "aa");
  // More than once is no other input.
  AddFetch(&other_, "http://mirror-2/a.deb", "aa");
  EXPECT_EQ(Changes(), "");
}

TEST_F(InputChangesTest, OtherBytesOfOneAddress) {
  AddFetch(&first_, "http://host/now", "aa");
  AddFetch(&other_, "http://host/now", "bb");
  EXPECT_EQ(Changes(), "http://host/now sha256:aa sha256:bb;");
}

TEST_F(InputChangesTest, ANewVersionHasAnotherAddress) {
  AddFetch(&first_, "http://host/a_1.deb", "aa");
  AddFetch(&other_, "http://host/a_2.deb", "bb");
  EXPECT_EQ(Changes(), "http://host/a_1.deb sha256:aa ;http://host/a_2.deb  sha256:bb;");
  EXPECT_EQ(Changes(1), "http://host/a_1.deb sha256:aa ;");
}

TEST_F(InputChangesTest, WhatWasNotFetchedWholeIsNoInput) {
  AddFetch(&first_, "http://host/1", "aa").set_status(404);
  AddFetch(&first_, "http://host/2", "bb").set_error("connection lost");
  AddFetch(&first_, "http://host/3", "cc").set_refused_by("*");
  AddFetch(&first_, "http://host/4", "");
  AddFetch(&first_, "http://host/5", "dd").set_method("HEAD");
  AddFetch(&first_, "", "ee").set_kind(v1::Fetch::KIND_TUNNEL);
  EXPECT_EQ(Changes(), "");
}

// The page of a project changes with every upload; what was chosen from it is a file of its own.
TEST_F(InputChangesTest, PagesOfAnIndexAreNoInputButTheirFilesAre) {
  v1::Fetch& page = AddFetch(&first_, "http://index/simple/a/", "aa");
  page.set_kind(v1::Fetch::KIND_INDEX);
  page.set_project("a");
  EXPECT_EQ(Changes(), "");
  v1::Fetch& file = AddFetch(&first_, "http://index/a-1.whl", "bb");
  file.set_kind(v1::Fetch::KIND_INDEX);
  file.set_project("a");
  file.set_file_name("a-1.whl");
  EXPECT_EQ(Changes(), "http://index/a-1.whl sha256:bb ;");
}

// Replicas are offered none: they compile the archive that the wheel was compiled from.
TEST_F(InputChangesTest, AFarmWheelAndItsArchiveAreOneInput) {
  v1::Fetch& wheel = AddFetch(&first_, "", "aa");
  wheel.set_kind(v1::Fetch::KIND_INDEX);
  wheel.set_project("a");
  wheel.set_file_name("a-1-cp311-cp311-linux_x86_64.whl");
  wheel.set_compiled_by_execution(7);
  v1::Fetch& archive = AddFetch(&other_, "http://index/a-1.tar.gz", "bb");
  archive.set_kind(v1::Fetch::KIND_INDEX);
  archive.set_project("a");
  archive.set_file_name("a-1.tar.gz");
  EXPECT_EQ(Changes(), "");
}

TEST_F(InputChangesTest, PackagesThatAreInstalledInOtherVersions) {
  AddPackage(&first_, "a", "1");
  AddPackage(&other_, "a", "2");
  AddPackage(&first_, "same", "1");
  AddPackage(&other_, "same", "1");
  AddPackage(&other_, "only", "3");
  AddPackage(&first_, "setuptools", "1", false);
  EXPECT_EQ(Changes(), "a 1 2;only  3;");
}

}  // namespace
}  // namespace crossmill::verdict
