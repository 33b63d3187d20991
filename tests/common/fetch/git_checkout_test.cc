#include "common/fetch/git_checkout.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/common/fetch/repository.h"
#include "tests/common/http/scripted_server.h"
#include "tests/support/status_matchers.h"

namespace crossmill::fetch {
namespace {

GitReference At(const std::string& remote, const std::string& ref = "", const std::string& folder = "") {
  GitReference reference;
  reference.remote = remote;
  reference.ref = ref;
  reference.folder = folder;
  return reference;
}

mode_t ModeOf(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(lstat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

class GitCheckoutTest : public ::testing::Test {
 protected:
  GitCheckoutTest() { options_.allow_local = true; }

  absl::StatusOr<GitCheckout> Checkout(const GitReference& reference, bool keep = false) {
    parents_.push_back(*TemporaryFolder::Create());
    return CheckoutGit(reference, keep, parents_.back().path(), options_);
  }

  GitProgramOptions options_;
  std::vector<TemporaryFolder> parents_;
};

TEST_F(GitCheckoutTest, TheTreeOfACommitWithModesAndLinks) {
  Repository repository;
  repository.Write("file", "text\r\n", 0600);
  repository.Write("bin/tool", "#!/bin/sh\n", 0755);
  ASSERT_EQ(symlink("../file", (repository.path() + "/bin/link").c_str()), 0);
  const std::string commit = repository.Commit("one");
  const mode_t old = umask(0077);
  const auto checkout = Checkout(At(repository.url()));
  umask(old);
  ASSERT_OK(checkout.status());
  EXPECT_EQ(checkout->commit, commit);
  EXPECT_EQ(checkout->commit_time, 1700000000);
  EXPECT_EQ(*ReadFile(checkout->folder + "/file"), "text\r\n");
  EXPECT_EQ(ModeOf(checkout->folder), 0755u);
  EXPECT_EQ(ModeOf(checkout->folder + "/file"), 0644u);
  EXPECT_EQ(ModeOf(checkout->folder + "/bin"), 0755u);
  EXPECT_EQ(ModeOf(checkout->folder + "/bin/tool"), 0755u);
  EXPECT_FALSE(Exists(checkout->folder + "/.git"));
}

TEST_F(GitCheckoutTest, BranchTagCommitAndBeginningOfACommit) {
  Repository repository;
  repository.Write("v", "1");
  const std::string first = repository.Commit("one");
  repository.Git({"tag", "light"});
  repository.Git({"tag", "-a", "heavy", "-m", "tag"});
  repository.Git({"branch", "both"});
  repository.Write("v", "2");
  const std::string second = repository.Commit("two");
  repository.Git({"tag", "both"});
  for (const std::string& ref :
       {std::string("light"), std::string("heavy"), std::string("refs/tags/heavy"), first,
        first.substr(0, 12), std::string("both"), std::string("heads/both")}) {
    SCOPED_TRACE(ref);
    const auto checkout = Checkout(At(repository.url(), ref));
    ASSERT_OK(checkout.status());
    EXPECT_EQ(checkout->commit, first);
    EXPECT_EQ(*ReadFile(checkout->folder + "/v"), "1");
  }
  for (const std::string& ref :
       {std::string(""), std::string("main"), std::string("refs/tags/both"), second}) {
    SCOPED_TRACE(ref);
    const auto checkout = Checkout(At(repository.url(), ref));
    ASSERT_OK(checkout.status());
    EXPECT_EQ(checkout->commit, second);
  }
}

TEST_F(GitCheckoutTest, ACommitThatTheServerDoesNotGiveAloneIsFoundByFetchingAll) {
  Repository repository;
  repository.Git({"config", "uploadpack.allowAnySHA1InWant", "false"});
  repository.Git({"config", "uploadpack.allowReachableSHA1InWant", "false"});
  repository.Write("v", "1");
  const std::string first = repository.Commit("one");
  repository.Write("v", "2");
  repository.Commit("two");
  const auto checkout = Checkout(At(repository.url(), first));
  ASSERT_OK(checkout.status());
  EXPECT_EQ(*ReadFile(checkout->folder + "/v"), "1");
}

TEST_F(GitCheckoutTest, TheChecksumIsACommitOrItsBeginning) {
  Repository repository;
  repository.Write("v", "1");
  const std::string first = repository.Commit("one");
  repository.Write("v", "2");
  const std::string second = repository.Commit("two");
  GitReference reference = At(repository.url(), "main");
  reference.checksum = second.substr(0, 10);
  EXPECT_OK(Checkout(reference).status());
  reference.checksum = first;
  const auto wrong = Checkout(reference).status();
  EXPECT_EQ(wrong.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(wrong.message().find(first), absl::string_view::npos) << wrong;
  EXPECT_NE(wrong.message().find(second), absl::string_view::npos) << wrong;
}

TEST_F(GitCheckoutTest, AFolderOfTheRepository) {
  Repository repository;
  repository.Write("a/b/file", "in");
  ASSERT_EQ(symlink("/etc", (repository.path() + "/out").c_str()), 0);
  repository.Commit("one");
  const auto checkout = Checkout(At(repository.url(), "", "a/b"));
  ASSERT_OK(checkout.status());
  EXPECT_EQ(*ReadFile(checkout->folder + "/file"), "in");
  EXPECT_EQ(Checkout(At(repository.url(), "", "nothing")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Checkout(At(repository.url(), "", "out")).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(GitCheckoutTest, SubmodulesAreCheckedOutUnlessRefused) {
  Repository inner;
  inner.Write("inside", "deep");
  inner.Commit("inner");
  Repository repository;
  repository.Write("file", "text");
  repository.Git({"submodule", "--quiet", "add", inner.url(), "sub"});
  repository.Commit("one");
  const auto checkout = Checkout(At(repository.url()));
  ASSERT_OK(checkout.status());
  EXPECT_EQ(*ReadFile(checkout->folder + "/sub/inside"), "deep");
  EXPECT_FALSE(Exists(checkout->folder + "/sub/.git"));
  GitReference without = At(repository.url());
  without.submodules = false;
  const auto bare = Checkout(without);
  ASSERT_OK(bare.status());
  EXPECT_FALSE(Exists(bare->folder + "/sub/inside"));
}

// Every file below the folder with its content.
std::string Everything(const std::string& folder) {
  ProcessOptions options;
  options.argv = {"sh", "-c", "find . -type f | LC_ALL=C sort | xargs sha256sum"};
  options.working_folder = folder;
  return RunProcess(options)->stdout_text;
}

TEST_F(GitCheckoutTest, TheGitFolderIsKeptWithoutCredentialsAndEqualEveryTime) {
  Repository repository;
  repository.Write("file", "text");
  const std::string commit = repository.Commit("one");
  const auto checkout = Checkout(At(repository.url(), "main"), true);
  ASSERT_OK(checkout.status());
  EXPECT_TRUE(Exists(checkout->folder + "/.git/HEAD"));
  EXPECT_FALSE(Exists(checkout->folder + "/.git/FETCH_HEAD"));
  EXPECT_FALSE(Exists(checkout->folder + "/.git/hooks"));
  ProcessOptions status;
  status.argv = {"git", "-c", "safe.directory=*", "status", "--porcelain"};
  status.working_folder = checkout->folder;
  const auto clean = RunProcess(status);
  EXPECT_EQ(clean->exit_code, 0) << clean->stderr_text;
  EXPECT_EQ(clean->stdout_text, "");
  const auto again = Checkout(At(repository.url(), "main"), true);
  ASSERT_OK(again.status());
  // `git status` has just written the times of files into the first one's index.
  const auto third = Checkout(At(repository.url(), "main"), true);
  ASSERT_OK(third.status());
  EXPECT_EQ(Everything(again->folder), Everything(third->folder));
  // With a folder there is nothing to keep.
  repository.Write("a/file", "text");
  repository.Commit("two");
  const auto folder = Checkout(At(repository.url(), "main", "a"), true);
  ASSERT_OK(folder.status());
  EXPECT_FALSE(Exists(folder->folder + "/.git"));
}

TEST_F(GitCheckoutTest, HooksFiltersAndSettingsOfTheUserDoNothing) {
  TemporaryFolder home = *TemporaryFolder::Create();
  ASSERT_TRUE(MakeFolders(home.Path("hooks")).ok());
  ASSERT_TRUE(
      WriteFileAtomic(home.Path("hooks/post-checkout"), "#!/bin/sh\ntouch " + home.Path("ran") + "\n", 0755)
          .ok());
  ASSERT_TRUE(WriteFileAtomic(home.Path(".gitconfig"),
                              "[core]\n\thooksPath = " + home.Path("hooks") +
                                  "\n\tautocrlf = true\n[filter \"up\"]\n\tsmudge = tr a-z A-Z\n")
                  .ok());
  const char* old = std::getenv("HOME");
  setenv("HOME", home.path().c_str(), 1);
  Repository repository;
  repository.Write(".gitattributes", "loud filter=up\n");
  repository.Write("loud", "text\n");
  repository.Commit("one");
  const auto checkout = Checkout(At(repository.url()));
  setenv("HOME", old == nullptr ? "/" : old, 1);
  ASSERT_OK(checkout.status());
  EXPECT_EQ(*ReadFile(checkout->folder + "/loud"), "text\n");
  EXPECT_FALSE(Exists(home.Path("ran")));
}

TEST_F(GitCheckoutTest, WhatIsNotThereIsSaidWithGitsWords) {
  Repository repository;
  repository.Write("file", "text");
  repository.Commit("one");
  const auto no_ref = Checkout(At(repository.url(), "no-such-branch")).status();
  EXPECT_EQ(no_ref.code(), absl::StatusCode::kNotFound);
  EXPECT_NE(no_ref.message().find("no-such-branch"), absl::string_view::npos);
  const auto no_repository = Checkout(At("file:///nonexistent/repository")).status();
  EXPECT_EQ(no_repository.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(no_repository.message().find("does not"), absl::string_view::npos) << no_repository;
  options_.allow_local = false;
  EXPECT_FALSE(Checkout(At(repository.url())).ok());
  EXPECT_EQ(Checkout(At("--upload-pack=x")).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Checkout(At(repository.url(), "--x")).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(GitCheckoutTest, StopsWhenToldTo) {
  Repository repository;
  repository.Write("file", "text");
  repository.Commit("one");
  std::stop_source stop;
  stop.request_stop();
  options_.stop = stop.get_token();
  EXPECT_EQ(Checkout(At(repository.url())).status().code(), absl::StatusCode::kCancelled);
  options_.stop = {};
  options_.time_limit = absl::ZeroDuration();
  EXPECT_EQ(Checkout(At(repository.url())).status().code(), absl::StatusCode::kDeadlineExceeded);
}

// Serves a folder's files.
std::string ServeFile(const std::string& folder, const std::string& request) {
  const size_t begin = request.find(' ') + 1;
  std::string path = request.substr(begin, request.find(' ', begin) - begin);
  path = path.substr(0, path.find('?'));
  const auto content = ReadFile(folder + path);
  if (!content.ok()) return "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}", content->size(),
                     *content);
}

TEST_F(GitCheckoutTest, ADumbHttpServerThatCannotDoShallowFetches) {
  Repository repository;
  repository.Write("v", "1");
  const std::string first = repository.Commit("one");
  repository.Write("v", "2");
  repository.Commit("two");
  TemporaryFolder served = *TemporaryFolder::Create();
  repository.Git({"clone", "--quiet", "--bare", ".", served.Path("r.git")});
  repository.Git({"-C", served.Path("r.git"), "update-server-info"});
  http::ScriptedServer server([&](const std::string& request) { return ServeFile(served.path(), request); });
  const auto newest = Checkout(At(server.Url("/r.git")));
  ASSERT_OK(newest.status());
  EXPECT_EQ(*ReadFile(newest->folder + "/v"), "2");
  const auto older = Checkout(At(server.Url("/r.git"), first));
  ASSERT_OK(older.status());
  EXPECT_EQ(*ReadFile(older->folder + "/v"), "1");
  const auto missing = Checkout(At(server.Url("/other.git"))).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kUnavailable) << missing;
}

TEST_F(GitCheckoutTest, CredentialsInTheUrlAreInNoMessage) {
  http::ScriptedServer server([](const std::string&) {
    return std::string("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  });
  const auto status =
      Checkout(At(fmt::format("http://user:hunter2@127.0.0.1:{}/r.git", server.port()))).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(status.message().find("hunter2"), absl::string_view::npos) << status;
}

}  // namespace
}  // namespace crossmill::fetch
