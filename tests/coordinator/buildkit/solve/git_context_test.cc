// To which hosts a client's token for repositories goes.
#include "coordinator/buildkit/solve/sources/git_context.h"

#include <gtest/gtest.h>

#include "common/fetch/git_reference.h"

namespace crossmill::coordinator::buildkit {
namespace {

TEST(GitContextTest, ATokenGoesToTheHostOfAnEncryptedUrl) {
  EXPECT_EQ(TokenHostOf("https://git.example/team/app.git#main:sub"), "git.example");
  EXPECT_EQ(TokenHostOf("https://git.example:8443/team/app.git"), "git.example:8443");
  EXPECT_EQ(TokenHostOf("https://git.example?ref=main"), "git.example");
}

TEST(GitContextTest, InPlainTextItGoesToThisMachineOnly) {
  EXPECT_EQ(TokenHostOf("http://127.0.0.1:3000/app.git"), "127.0.0.1:3000");
  EXPECT_EQ(TokenHostOf("http://localhost:3000/app.git"), "localhost:3000");
  EXPECT_EQ(TokenHostOf("http://git.example/app.git"), "");
  EXPECT_EQ(TokenHostOf("http://127.0.0.1.git.example/app.git"), "");
}

TEST(GitContextTest, WhatHasItsOwnWayInGetsNoToken) {
  EXPECT_EQ(TokenHostOf("https://me:secret@git.example/app.git"), "");
  EXPECT_EQ(TokenHostOf("https://git.example@evil.example/app.git"), "");
  EXPECT_EQ(TokenHostOf("ssh://git.example/app.git"), "");
  EXPECT_EQ(TokenHostOf("git@git.example:team/app.git"), "");
  EXPECT_EQ(TokenHostOf("git://git.example/app.git"), "");
  EXPECT_EQ(TokenHostOf("https:///app.git"), "");
  EXPECT_EQ(TokenHostOf(""), "");
}

TEST(GitContextTest, WhatIsReachedBySsh) {
  for (const std::string url :
       {"git@git.example:team/app.git", "ssh://git.example/app.git#main", "me@host:app"})
    EXPECT_TRUE(fetch::IsSshUrl(url)) << url;
  for (const std::string url :
       {"https://me@git.example:8443/app.git", "git://git.example/a@b:c", "host:app", ""})
    EXPECT_FALSE(fetch::IsSshUrl(url)) << url;
}

TEST(GitContextTest, ADefinitionNamesAgentAndHosts) {
  const GitWish wish = WishOf({.kind = RawSource::Kind::kGit,
                               .url = "git@host:a.git",
                               .attributes = {{"git.mountsshsock", "deploy"},
                                              {"git.knownsshhosts", "host ssh-ed25519 AAAA"},
                                              {"git.keepgitdir", "true"},
                                              {"git.checksum", "abcd"}}});
  EXPECT_EQ(wish.agent, "deploy");
  EXPECT_EQ(wish.known_hosts, "host ssh-ed25519 AAAA\n");
  EXPECT_TRUE(wish.keep_git_dir);
  EXPECT_EQ(wish.checksum, "abcd");
  const GitWish usual = WishOf({.kind = RawSource::Kind::kGit, .url = "git@host:a.git"});
  EXPECT_EQ(usual.agent, "default");
  EXPECT_EQ(usual.known_hosts, "");
}

}  // namespace
}  // namespace crossmill::coordinator::buildkit
