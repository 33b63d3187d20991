#include "coordinator/buildkit/policy/policy_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace crossmill::coordinator::buildkit {
namespace {

namespace bk = ::moby::buildkit::v1;
using testing::HasSubstr;

const std::string kDigest = "sha256:" + std::string(64, 'a');

// "ALLOW|DENY|CONVERT selector [identifier] [KEY=VALUE...]"
SourcePolicy Rules(const std::vector<std::vector<std::string>>& rules) {
  bk::SourcePolicy policy;
  for (const std::vector<std::string>& words : rules) {
    bk::SourceRule& rule = *policy.add_rules();
    bk::SourceAction action = bk::ALLOW;
    EXPECT_TRUE(bk::SourceAction_Parse(words[0], &action));
    rule.set_action(action);
    rule.mutable_selector()->set_identifier(words[1]);
    for (size_t i = 2; i < words.size(); ++i) {
      const size_t equals = words[i].find('=');
      if (i == 2 && equals == std::string::npos) {
        rule.mutable_updates()->set_identifier(words[i]);
      } else {
        (*rule.mutable_updates()->mutable_attrs())[words[i].substr(0, equals)] = words[i].substr(equals + 1);
      }
    }
  }
  const auto read = SourcePolicy::Read({policy});
  EXPECT_OK(read);
  return *read;
}

TEST(ChooseImageTest, NamesAreWholeOnes) {
  const SourcePolicy policy = Rules({{"CONVERT", "docker-image://docker.io/library/alpine:latest",
                                      "docker-image://docker.io/library/alpine:latest@" + kDigest}});
  EXPECT_EQ(*ChooseImage(policy, "alpine", "", false), "docker.io/library/alpine:latest@" + kDigest);
  EXPECT_EQ(*ChooseImage(policy, "alpine:3", "", false), "alpine:3");
  EXPECT_EQ(*ChooseImage(Rules({}), "alpine", "", false), "alpine");
  EXPECT_EQ(*ChooseImage(Rules({{"DENY", "*"}}), "scratch", "", false), "scratch");
}

TEST(ChooseImageTest, ADigestIsPartOfTheName) {
  const SourcePolicy policy = Rules({{"DENY", "docker-image://*@" + kDigest}});
  EXPECT_EQ(*ChooseImage(policy, "alpine", "", false), "alpine");
  EXPECT_TRUE(absl::IsPermissionDenied(ChooseImage(policy, "alpine", kDigest, false).status()));
  // What is only told for the question is not in the answer.
  EXPECT_EQ(*ChooseImage(policy, "alpine", "sha256:" + std::string(64, 'b'), false), "alpine");
}

TEST(ChooseImageTest, WhatCannotBeAppliedIsRefusedByName) {
  const auto other =
      ChooseImage(Rules({{"CONVERT", "docker-image://*", "https://example.com/x"}}), "alpine", "", false);
  EXPECT_TRUE(absl::IsUnimplemented(other.status()));
  EXPECT_THAT(std::string(other.status().message()), HasSubstr("https://example.com/x"));
  const auto attribute =
      ChooseImage(Rules({{"CONVERT", "docker-image://docker.io/library/alpine:latest", "image.checksum=x"}}),
                  "alpine", "", false);
  EXPECT_TRUE(absl::IsUnimplemented(attribute.status()));
  EXPECT_THAT(std::string(attribute.status().message()), HasSubstr("image.checksum=x"));
}

TEST(ChooseFileTest, AnotherUrlAndAChecksum) {
  const SourcePolicy policy = Rules(
      {{"CONVERT", "https://example.com/*", "https://mirror.example/${1}", "http.checksum=" + kDigest}});
  const auto chosen = ChooseFile(policy, {"https://example.com/a/b", ""}, "b");
  ASSERT_OK(chosen);
  EXPECT_EQ(chosen->url, "https://mirror.example/a/b");
  EXPECT_EQ(chosen->checksum, kDigest);
  EXPECT_EQ(ChooseFile(policy, {"https://other.example/", "sha256:1"}, "")->checksum, "sha256:1");
  EXPECT_TRUE(absl::IsUnimplemented(ChooseFile(Rules({{"CONVERT", "https://example.com/b", "http.uid=5"}}),
                                               {"https://example.com/b", ""}, "b")
                                        .status()));
}

TEST(ChooseRepositoryTest, EveryWayToWriteOneHasTheSameName) {
  for (const std::string url :
       {"https://git.example/team/app.git#v1:sub", "git@git.example:team/app.git#v1:sub",
        "ssh://git@git.example/team/app.git#v1:sub", "https://git.example/team/app.git?ref=v1&subdir=sub"}) {
    EXPECT_TRUE(absl::IsPermissionDenied(
        ChooseRepository(Rules({{"DENY", "git://git.example/team/app.git#v1:sub"}}), {url, "", false})
            .status()))
        << url;
    EXPECT_EQ(ChooseRepository(Rules({{"DENY", "git://elsewhere/*"}}), {url, "abc", true})->url, url);
  }
}

TEST(ChooseRepositoryTest, AnotherRevisionAndAnotherPlace) {
  const auto pinned = ChooseRepository(Rules({{"CONVERT", "git://git.example/team/app.git#v1",
                                               "git.checksum=0123456789012345678901234567890123456789"}}),
                                       {"https://git.example/team/app.git#v1", "", false});
  ASSERT_OK(pinned);
  EXPECT_EQ(pinned->url, "https://git.example/team/app.git#v1");
  EXPECT_EQ(pinned->checksum, "0123456789012345678901234567890123456789");
  const auto moved =
      ChooseRepository(Rules({{"CONVERT", "git://git.example/*", "git://mirror.example/${1}",
                               "git.fullurl=https://mirror.example/team/app.git"}}),
                       {"https://git.example/team/app.git?ref=v1&submodules=false", "", false});
  ASSERT_OK(moved);
  EXPECT_EQ(moved->url, "https://mirror.example/team/app.git?submodules=false&ref=v1");
  const auto half = ChooseRepository(Rules({{"CONVERT", "git://git.example/*", "git://mirror.example/${1}"}}),
                                     {"https://git.example/team/app.git", "", false});
  EXPECT_TRUE(absl::IsInvalidArgument(half.status()));
  EXPECT_THAT(std::string(half.status().message()), HasSubstr("git.fullurl"));
}

TEST(CheckSourceTest, AFolderIsTakenOrNot) {
  EXPECT_OK(CheckSource(Rules({{"DENY", "docker-image://*"}}), "local://context"));
  EXPECT_TRUE(absl::IsPermissionDenied(CheckSource(Rules({{"DENY", "local://*"}}), "local://context")));
  EXPECT_TRUE(absl::IsUnimplemented(
      CheckSource(Rules({{"CONVERT", "local://*", "local://other"}}), "local://context")));
}

}  // namespace
}  // namespace crossmill::coordinator::buildkit
