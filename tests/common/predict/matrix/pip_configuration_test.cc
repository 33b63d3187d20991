#include "common/predict/matrix/pip_configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/common/predict/image/memory_root.h"

namespace crossmill::predict {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::Run RunWith(const std::vector<std::string>& env, const std::string& user = "") {
  v1::Run run;
  for (const std::string& entry : env) run.add_env(entry);
  run.set_user(user);
  return run;
}

TEST(PipConfigurationTest, SectionsAndFilesInTheirOrder) {
  MemoryRoot root;
  root.File("/etc/pip.conf",
            "# for all\n[global]\nindex-url = https://all.example/simple\nextra_index_url =\n  "
            "https://a.example/\n"
            "    https://b.example/\n[install]\nno-binary: numpy\n[freeze]\ntimeout = 10\n")
      .File("/root/.config/pip/pip.conf", "[global]\nindex-url=https://root.example/simple\n; a comment\n");
  const PipConfiguration found = ReadPipConfiguration(RunWith({}), root);
  EXPECT_THAT(found.variables,
              ElementsAre("PIP_EXTRA_INDEX_URL=https://a.example/\nhttps://b.example/",
                          "PIP_INDEX_URL=https://root.example/simple", "PIP_NO_BINARY=numpy"));
  EXPECT_THAT(found.files, ElementsAre("/etc/pip.conf", "/root/.config/pip/pip.conf"));
  EXPECT_THAT(found.notes, IsEmpty());
}

TEST(PipConfigurationTest, WhoseFiles) {
  MemoryRoot root;
  root.File("/root/.pip/pip.conf", "[global]\nindex-url = https://root.example/\n")
      .File("/home/me/.config/pip/pip.conf", "[global]\nindex-url = https://me.example/\n")
      .File("/own.conf", "[global]\nindex-url = https://own.example/\n")
      .File("/venv/pip.conf", "[global]\nindex-url = https://venv.example/\n");
  const auto index = [&](const v1::Run& run) { return ReadPipConfiguration(run, root).variables; };
  EXPECT_THAT(index(RunWith({})), ElementsAre("PIP_INDEX_URL=https://root.example/"));
  EXPECT_THAT(index(RunWith({}, "1000")), IsEmpty());
  EXPECT_THAT(index(RunWith({"HOME=/home/me"}, "me")), ElementsAre("PIP_INDEX_URL=https://me.example/"));
  EXPECT_THAT(index(RunWith({"VIRTUAL_ENV=/venv"})), ElementsAre("PIP_INDEX_URL=https://venv.example/"));
  EXPECT_THAT(index(RunWith({"VIRTUAL_ENV=/venv", "PIP_CONFIG_FILE=/own.conf"})),
              ElementsAre("PIP_INDEX_URL=https://own.example/"));
  EXPECT_THAT(index(RunWith({"PIP_CONFIG_FILE=/dev/null"})), IsEmpty());
}

TEST(PipConfigurationTest, WhatCannotBeReadIsSaid) {
  MemoryRoot root;
  root.File("/etc/pip.conf", "index-url = https://no.section/\n");
  EXPECT_THAT(ReadPipConfiguration(RunWith({}), root).notes,
              ElementsAre(HasSubstr("/etc/pip.conf is not read: line 1 is not understood")));
}

}  // namespace
}  // namespace crossmill::predict
