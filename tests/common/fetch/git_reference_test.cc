#include "common/fetch/git_reference.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace crossmill::fetch {
namespace {

struct Good {
  const char* text;
  const char* remote;
  const char* ref;
  const char* folder;
};

TEST(GitReferenceTest, FormsThatAreGit) {
  const Good cases[] = {
      {"https://example.com/foo.git", "https://example.com/foo.git", "", ""},
      {"https://example.com/foo.git#deadbeef", "https://example.com/foo.git", "deadbeef", ""},
      {"https://example.com/foo.git#release/1.2", "https://example.com/foo.git", "release/1.2", ""},
      {"https://example.com/foo.git#a/b:c/d", "https://example.com/foo.git", "a/b", "c/d"},
      {"https://example.com/foo.git#:myfolder", "https://example.com/foo.git", "", "myfolder"},
      {"https://example.com/foo.git#main:/x/./y/../z/", "https://example.com/foo.git", "main", "x/z"},
      {"https://example.com/foo.git?ref=v1.0.0&subdir=/subdir", "https://example.com/foo.git", "v1.0.0",
       "subdir"},
      {"https://example.com/foo.git?tag=v1", "https://example.com/foo.git", "refs/tags/v1", ""},
      {"https://example.com/foo.git?branch=refs/heads/b", "https://example.com/foo.git", "refs/heads/b", ""},
      {"https://example.com/foo.git?commit=deadbeef", "https://example.com/foo.git", "deadbeef", ""},
      {"https://example.com/foo.git?ref=a%2Fb#a/b", "https://example.com/foo.git", "a/b", ""},
      {"HTTPS://example.com/foo.git", "https://example.com/foo.git", "", ""},
      {"https://foo:bar@example.com:8443/x/y.git", "https://foo:bar@example.com:8443/x/y.git", "", ""},
      {"git://example.com/foo", "git://example.com/foo", "", ""},
      {"ssh://git@example.com:2222/foo", "ssh://git@example.com:2222/foo", "", ""},
      {"git@example.com:moby/buildkit", "git@example.com:moby/buildkit", "", ""},
      {"git@example.com:moby/buildkit.git#v1:docs", "git@example.com:moby/buildkit.git", "v1", "docs"},
  };
  for (const Good& good : cases) {
    SCOPED_TRACE(good.text);
    EXPECT_TRUE(IsGitUrl(good.text));
    const auto reference = ParseGitReference(good.text);
    ASSERT_OK(reference.status());
    EXPECT_EQ(reference->remote, good.remote);
    EXPECT_EQ(reference->ref, good.ref);
    EXPECT_EQ(reference->folder, good.folder);
  }
}

TEST(GitReferenceTest, FormsThatAreNot) {
  for (const char* text :
       {"https://example.com/", "https://example.com/foo", "https://example.com/foo.git/",
        "https://example.com/foo.git.bar", "https://github.com/moby/buildkit", "custom.xyz/moby/buildkit.git",
        "./.git", ".git", "../x.git", "ftp://example.com/foo.git", "file:///srv/foo.git",
        "github.com/moby/buildkit", "http://github.com/docker/docker.git:#branch", "folder", "a b@c:d",
        "@host:path", "ext::sh -c true"}) {
    SCOPED_TRACE(text);
    EXPECT_FALSE(IsGitUrl(text));
    EXPECT_EQ(ParseGitReference(text).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(GitReferenceTest, TheShorthandIsForContextsOnly) {
  EXPECT_TRUE(IsGitUrl("github.com/moby/buildkit", GitShorthand::kAllow));
  const auto reference = ParseGitReference("github.com/moby/buildkit#v1:x", GitShorthand::kAllow);
  ASSERT_OK(reference.status());
  EXPECT_EQ(reference->remote, "https://github.com/moby/buildkit");
  EXPECT_EQ(reference->ref, "v1");
  EXPECT_EQ(reference->folder, "x");
}

TEST(GitReferenceTest, FlagsOfTheQuery) {
  const auto all = ParseGitReference(
      "https://h/r.git?submodules=false&keep-git-dir&checksum=0123456789abcdef&ref=main&mtime=commit");
  ASSERT_OK(all.status());
  EXPECT_EQ(all->submodules, std::optional<bool>(false));
  EXPECT_EQ(all->keep_git_dir, std::optional<bool>(true));
  EXPECT_EQ(all->checksum, "0123456789abcdef");
  EXPECT_EQ(all->ref, "main");
  EXPECT_TRUE(all->commit_times);
  const auto none = ParseGitReference("git://h/r");
  ASSERT_OK(none.status());
  EXPECT_FALSE(none->submodules.has_value());
  EXPECT_FALSE(none->keep_git_dir.has_value());
  EXPECT_TRUE(none->unencrypted);
}

TEST(GitReferenceTest, ContradictionsAndUnknownWordsAreErrors) {
  const std::pair<const char*, const char*> cases[] = {
      {"https://h/r.git?ref=a#b", "the ref is said twice: \"b\" and \"a\""},
      {"https://h/r.git?tag=a&branch=b", "a tag and a branch"},
      {"https://h/r.git?tag=a#b", "the ref is said twice"},
      {"https://h/r.git?subdir=a#:b", "the folder is said twice"},
      {"https://h/r.git?checksum=aaaa&commit=bbbb", "the commit is said twice"},
      {"https://h/r.git?ref=", "ref has no value"},
      {"https://h/r.git?ref=a&ref=b", "ref more than once"},
      {"https://h/r.git?depth=1", "depth is not known"},
      {"https://h/r.git?submodules=perhaps", "expected true or false"},
      {"https://h/r.git?mtime=now", "expected checkout or commit"},
      {"https://h/r.git?checksum=xyz1", "not a commit id"},
      {"https://h/r.git#a%2", "% without two hex digits"},
      {"https://h/r.git#main:../x", "leads out of the repository"},
  };
  for (const auto& [text, expected] : cases) {
    SCOPED_TRACE(text);
    EXPECT_TRUE(IsGitUrl(text));
    const auto status = ParseGitReference(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find(expected), absl::string_view::npos) << status;
  }
}

TEST(GitReferenceTest, NothingThatGitCouldTakeForAnOption) {
  for (const char* text : {"https://h/r.git#--upload-pack=x", "ssh://-oProxyCommand=x/r",
                           "https://h/r.git#a..b", "https://h/r.git#a%0Ab", "https://h/r.git?ref=%2Bmain",
                           "https://h/r.git#a%20b", "https://h/r.git#HEAD~1", "git@h:x#-x"}) {
    SCOPED_TRACE(text);
    EXPECT_EQ(ParseGitReference(text).status().code(), absl::StatusCode::kInvalidArgument);
  }
  GitReference by_hand;
  by_hand.remote = "--upload-pack=touch /tmp/x";
  EXPECT_EQ(CheckGitReference(by_hand).code(), absl::StatusCode::kInvalidArgument);
}

TEST(GitReferenceTest, CredentialsAreTakenOutOfMessages) {
  EXPECT_EQ(WithoutCredentials("fatal: 'https://u:p@ss@h/r.git/' and ssh://git@h2/x"),
            "fatal: 'https://***@h/r.git/' and ssh://***@h2/x");
  EXPECT_EQ(WithoutCredentials("https://h/a@b"), "https://h/a@b");
  const auto status = ParseGitReference("https://u:secret@h/r.git?x=1").status();
  EXPECT_EQ(status.message().find("secret"), absl::string_view::npos) << status;
}

}  // namespace
}  // namespace crossmill::fetch
