#include "common/failures/remedy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace crossmill::failures {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RemedyTest : public testing::Test {
 protected:
  void SetRoot(const std::string& distribution, const std::string& release, std::vector<std::string> paths,
               std::vector<std::string> like = {}) {
    root_.Clear();
    root_.set_distribution(distribution);
    root_.set_release(release);
    for (std::string& path : paths) root_.add_paths(std::move(path));
    for (std::string& id : like) root_.add_like(std::move(id));
  }

  Remedy For(const std::string& line) {
    const auto rules = FailureRules::BuiltIn();
    const auto rank = rules->Find(line, 0);
    EXPECT_TRUE(rank) << line;
    const Situation situation{root_, run_, by_uv_, python_prefix_, python_version_};
    return rank ? MakeRemedy(rules->NeedOf(*rank, line), rules->providers(), situation) : Remedy();
  }

  v1::RootFacts root_;
  v1::Run run_;
  bool by_uv_ = false;
  std::string python_prefix_;
  std::string python_version_;
};

constexpr char kPq[] = "a.c:1:10: fatal error: libpq-fe.h: No such file or directory";
constexpr char kPythonHeader[] = "a.c:1:10: fatal error: Python.h: No such file or directory";
constexpr char kRust[] = "This package requires Rust >=1.65.0.";

TEST_F(RemedyTest, EachDistributionHasItsOwnLine) {
  SetRoot("debian", "12", {"/usr/bin/apt-get", "/usr/bin/cc"});
  EXPECT_THAT(For(kPq).lines,
              ElementsAre("RUN apt-get update && apt-get install -y --no-install-recommends libpq-dev"));
  EXPECT_EQ(For(kPq).sentence, "install libpq-dev (Debian 12)");
  SetRoot("ubuntu", "22.04", {"/usr/bin/apt-get"}, {"debian"});
  EXPECT_THAT(For(kPq).lines, ElementsAre(HasSubstr("libpq-dev")));
  EXPECT_THAT(For(kPq).sentence, HasSubstr("Ubuntu 22.04"));
  SetRoot("alpine", "3.19.1", {"/sbin/apk"});
  EXPECT_THAT(For(kPq).lines, ElementsAre("RUN apk add --no-cache postgresql-dev"));
  SetRoot("rocky", "9.3", {"/usr/bin/microdnf"}, {"rhel", "centos", "fedora"});
  EXPECT_THAT(For(kPq).lines, ElementsAre("RUN microdnf install -y libpq-devel"));
  SetRoot("fedora", "41", {"/usr/bin/yum", "/usr/bin/dnf"});
  EXPECT_THAT(For(kPq).lines, ElementsAre("RUN dnf install -y libpq-devel"));
}

TEST_F(RemedyTest, WithoutADistributionBothNamesAreSaid) {
  EXPECT_THAT(For(kPq).lines, IsEmpty());
  EXPECT_EQ(For(kPq).sentence, "apt-get install libpq-dev (apk add postgresql-dev)");
  // What is no id says nothing.
  SetRoot("Debian; rm -rf /", "12", {"/usr/bin/apt-get"});
  EXPECT_THAT(For(kPq).lines, IsEmpty());
}

TEST_F(RemedyTest, NoLineWhereItWouldNotWork) {
  SetRoot("debian", "12", {});
  EXPECT_THAT(For(kPq).lines, IsEmpty());
  EXPECT_THAT(For(kPq).sentence, HasSubstr("no package manager"));
  SetRoot("debian", "9", {"/usr/bin/apt-get"});
  EXPECT_THAT(For(kPq).lines, IsEmpty());
  EXPECT_THAT(For(kPq).sentence, HasSubstr("mirrors no more"));
  SetRoot("debian", "12", {"/usr/bin/apt-get"});
  root_.add_packages("libpq-dev");
  EXPECT_THAT(For(kPq).lines, IsEmpty());
  EXPECT_THAT(For(kPq).sentence, HasSubstr("installed already"));
  SetRoot("gentoo", "", {"/usr/bin/emerge"});
  EXPECT_THAT(For(kPq).lines, IsEmpty());
  EXPECT_THAT(For("a.c:1:10: fatal error: x.h: No such file or directory").lines, IsEmpty());
}

TEST_F(RemedyTest, AnotherUserGetsTheLineAsRoot) {
  SetRoot("debian", "12", {"/usr/bin/apt-get"});
  run_.set_user("app:staff");
  EXPECT_THAT(For(kPq).lines, ElementsAre("USER root", HasSubstr("RUN apt-get"), "USER app:staff"));
  for (const char* root : {"0", "root", "0:0", "root:root"}) {
    run_.set_user(root);
    EXPECT_EQ(For(kPq).lines.size(), 1u) << root;
  }
}

TEST_F(RemedyTest, HeadersAreThoseOfThePythonThatLacksThem) {
  SetRoot("debian", "12", {"/usr/bin/apt-get", "/usr/bin/cc", "/usr/bin/python3"});
  EXPECT_THAT(For(kPythonHeader).lines, ElementsAre(HasSubstr(" python3-dev")));
  python_prefix_ = "/usr";
  python_version_ = "3.11";
  EXPECT_THAT(For(kPythonHeader).lines, ElementsAre(HasSubstr(" python3-dev")));
  python_version_ = "3.9";
  EXPECT_THAT(For(kPythonHeader).lines, ElementsAre(HasSubstr(" python3.9-dev")));
  python_version_ = "3.9;x";
  EXPECT_THAT(For(kPythonHeader).lines, IsEmpty());
  python_prefix_ = "/root/.local/share/uv/python/cpython-3.11";
  EXPECT_THAT(For(kPythonHeader).lines, IsEmpty());
  EXPECT_THAT(For(kPythonHeader).sentence, HasSubstr(python_prefix_));
  python_prefix_ = "";
  root_.add_paths("/usr/local/bin/python3");
  EXPECT_THAT(For(kPythonHeader).lines, IsEmpty());
}

TEST_F(RemedyTest, WhatTheBuildNeedsNextComesAlong) {
  constexpr char kConfig[] = "Error: pg_config executable not found.";
  SetRoot("debian", "12", {"/usr/bin/apt-get", "/usr/bin/python3"});
  EXPECT_THAT(For(kConfig).lines, ElementsAre(HasSubstr(" libpq-dev build-essential python3-dev")));
  root_.add_paths("/usr/include/python3.11/Python.h");
  EXPECT_THAT(For(kConfig).lines, ElementsAre(HasSubstr(" libpq-dev build-essential")));
  root_.add_paths("/usr/bin/gcc");
  EXPECT_THAT(For(kConfig).lines, ElementsAre(testing::EndsWith(" libpq-dev")));
}

TEST_F(RemedyTest, RustIsTheDistributionsWhereItIsNewEnough) {
  SetRoot("debian", "12", {"/usr/bin/apt-get", "/usr/bin/cc"});
  EXPECT_THAT(For(kRust).lines, IsEmpty());
  EXPECT_THAT(For(kRust).sentence, HasSubstr("rustup"));
  SetRoot("debian", "13", {"/usr/bin/apt-get", "/usr/bin/cc"});
  EXPECT_THAT(For(kRust).lines, ElementsAre(HasSubstr(" cargo")));
  // Of a release without a known version nothing is promised.
  SetRoot("ubuntu", "22.04", {"/usr/bin/apt-get", "/usr/bin/cc"}, {"debian"});
  EXPECT_THAT(For(kRust).lines, IsEmpty());
}

TEST_F(RemedyTest, ConstraintsAreForTheInstallerAndReplaceNothing) {
  constexpr char kLine[] = "ModuleNotFoundError: No module named 'pkg_resources'";
  EXPECT_THAT(For(kLine).lines,
              ElementsAre("RUN echo 'setuptools<82' > /tmp/build-constraints.txt",
                          HasSubstr("ENV PIP_CONSTRAINT=/tmp/build-constraints.txt PIP_BUILD")));
  by_uv_ = true;
  EXPECT_THAT(For(kLine).lines,
              ElementsAre(HasSubstr("setuptools<82"), HasSubstr("ENV UV_BUILD_CONSTRAINT=")));
  by_uv_ = false;
  run_.add_argv("pip install --no-build-isolation x");
  EXPECT_THAT(For(kLine).lines, IsEmpty());
  run_.clear_argv();
  run_.add_env("PIP_CONSTRAINT=/c.txt");
  EXPECT_THAT(For(kLine).lines, IsEmpty());
  EXPECT_THAT(For(kLine).sentence, HasSubstr("setuptools<82"));
}

}  // namespace
}  // namespace crossmill::failures
