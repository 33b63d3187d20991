#include "coordinator/sources/fetched_sources.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/http/curl_http_client.h"
#include "tests/common/fetch/repository.h"
#include "tests/common/http/scripted_server.h"
#include "tests/support/memory_remote_records.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

namespace reapi = ::build::bazel::remote::execution::v2;

class FetchedSourcesTest : public ::testing::Test {
 protected:
  FetchedSourcesTest() {
    FetchedSourcesOptions options;
    options.scratch_folder = folder_.Path("checkouts");
    options.allow_local_git = true;
    sources_ = std::make_unique<FetchedSources>(*blobs_, records_, *http_, clock_, options);
  }

  fetch::GitReference Local(const std::string& ref = "", const std::string& folder = "") {
    fetch::GitReference reference;
    reference.remote = repository_.url();
    reference.ref = ref;
    reference.folder = folder;
    return reference;
  }

  reapi::Directory Read(const Digest& digest) {
    reapi::Directory directory;
    EXPECT_TRUE(directory.ParseFromString(*blobs_->Get(digest)));
    return directory;
  }

  TemporaryFolder folder_ = *TemporaryFolder::Create();
  std::unique_ptr<BlobStore> blobs_ = MakeMemoryBlobStore();
  MemoryRemoteRecords records_;
  std::unique_ptr<http::HttpClient> http_ = http::MakeCurlHttpClient();
  SystemClock clock_;
  std::unique_ptr<FetchedSources> sources_;
  fetch::Repository repository_;
};

std::string Respond(std::string_view head, std::string_view body) {
  return fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}", head, body.size(),
                     body);
}

TEST_F(FetchedSourcesTest, AFileIsTransferredOnceWhileItIsValid) {
  std::string etag = "\"1\"";
  std::string content = "one";
  http::ScriptedServer server([&](const std::string& request) {
    if (request.find("If-None-Match: " + etag) != std::string::npos) {
      return Respond("304 Not Modified\r\nETag: " + etag, "");
    }
    return Respond("200 OK\r\nETag: " + etag + "\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT", content);
  });
  const std::string url = server.Url("/dir/file.txt");
  const auto first = sources_->FetchFile(url, "", {});
  ASSERT_OK(first.status());
  EXPECT_EQ(first->digest, DigestOf("one"));
  EXPECT_EQ(first->name, "file.txt");
  EXPECT_EQ(first->mtime, 784111777);
  EXPECT_FALSE(first->cached);
  const auto second = sources_->FetchFile(url, "", {});
  ASSERT_OK(second.status());
  EXPECT_TRUE(second->cached);
  EXPECT_EQ(second->digest, first->digest);
  EXPECT_EQ(second->name, "file.txt");
  EXPECT_EQ(second->mtime, 784111777);
  etag = "\"2\"";
  content = "two";
  const auto third = sources_->FetchFile(url, "", {});
  ASSERT_OK(third.status());
  EXPECT_FALSE(third->cached);
  EXPECT_EQ(third->digest, DigestOf("two"));
}

TEST_F(FetchedSourcesTest, WithItsChecksumAFileNeedsNoServerTheSecondTime) {
  std::atomic<int> requests = 0;
  http::ScriptedServer server([&](const std::string&) {
    ++requests;
    return Respond("200 OK", "content");
  });
  const std::string url = server.Url("/file");
  const std::string checksum = DigestOf("content").Oci();
  ASSERT_OK(sources_->FetchFile(url, checksum, {}).status());
  const auto again = sources_->FetchFile(url, checksum, {});
  ASSERT_OK(again.status());
  EXPECT_TRUE(again->cached);
  EXPECT_EQ(requests, 1);
  // Another checksum is another file, which the server does not have.
  EXPECT_TRUE(absl::IsInvalidArgument(sources_->FetchFile(url, DigestOf("other").Oci(), {}).status()));
}

TEST_F(FetchedSourcesTest, ARecordWhoseBlobIsGoneIsNotBelieved) {
  http::ScriptedServer server([](const std::string& request) {
    EXPECT_EQ(request.find("If-None-Match"), std::string::npos);
    return Respond("200 OK\r\nETag: \"1\"", "content");
  });
  ASSERT_OK(records_.PutFile({server.Url("/f"), "\"1\"", "", DigestOf("collected"), "f", 0}));
  const auto file = sources_->FetchFile(server.Url("/f"), "", {});
  ASSERT_OK(file.status());
  EXPECT_EQ(file->digest, DigestOf("content"));
}

TEST_F(FetchedSourcesTest, WhatCameWithCredentialsIsNotedForNobody) {
  std::atomic<int> requests = 0;
  http::ScriptedServer server([&](const std::string& request) {
    ++requests;
    EXPECT_EQ(request.find("If-None-Match"), std::string::npos);
    if (request.find("Authorization: Bearer word\r\n") == std::string::npos) return Respond("403 No", "");
    return Respond("200 OK\r\nETag: \"1\"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "content");
  });
  const std::string url = server.Url("/file");
  for (int i = 1; i <= 2; ++i) {
    const auto file = sources_->FetchPrivateFile(url, "", "Bearer word", {});
    ASSERT_OK(file.status());
    EXPECT_EQ(file->digest, DigestOf("content"));
    EXPECT_EQ(file->name, "file");
    EXPECT_EQ(file->mtime, 784111777);
    EXPECT_EQ(requests, i);
  }
  EXPECT_TRUE(absl::IsPermissionDenied(sources_->FetchFile(url, "", {}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      sources_->FetchPrivateFile(url, DigestOf("other").Oci(), "Bearer word", {}).status()));
}

TEST_F(FetchedSourcesTest, EqualRequestsAtTheSameTimeAreOneTransfer) {
  std::atomic<int> bodies = 0;
  http::ScriptedServer server([&](const std::string& request) {
    if (request.find("If-None-Match") != std::string::npos) return Respond("304 Not Modified", "");
    ++bodies;
    return Respond("200 OK\r\nETag: \"1\"", "content");
  });
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] { EXPECT_OK(sources_->FetchFile(server.Url("/f"), "", {}).status()); });
    }
  }
  EXPECT_EQ(bodies, 1);
}

TEST_F(FetchedSourcesTest, AGitTreeIsInTheStoreAndItsCommitNeedsNoNetworkAfterwards) {
  repository_.Write("a/tool", "#!/bin/sh\n", 0755);
  repository_.Write("file", "text");
  const std::string commit = repository_.Commit("one");
  int64_t done = 0;
  int64_t total = 0;
  const auto tree = sources_->FetchTree(Local("main"), false, [&](int64_t bytes, int64_t of) {
    done = bytes;
    total = of;
  });
  ASSERT_OK(tree.status());
  EXPECT_EQ(tree->commit, commit);
  EXPECT_FALSE(tree->cached);
  EXPECT_GT(total, 0);
  EXPECT_EQ(done, total);
  const reapi::Directory root = Read(tree->root);
  ASSERT_EQ(root.files_size(), 1);
  EXPECT_EQ(*blobs_->Get(FromProto(root.files(0).digest())), "text");
  ASSERT_EQ(root.directories_size(), 1);
  EXPECT_EQ(Read(FromProto(root.directories(0).digest())).files(0).node_properties().unix_mode().value(),
            0755u);
  // Nothing is left of the checkout.
  EXPECT_TRUE(std::filesystem::is_empty(folder_.Path("checkouts")));
  const auto again = sources_->FetchTree(Local("main"), false, {});
  ASSERT_OK(again.status());
  EXPECT_TRUE(again->cached);
  EXPECT_EQ(again->root, tree->root);
  // Gone from the network, but its commit is known.
  ASSERT_OK(RemoveTree(repository_.path() + "/.git"));
  const auto pinned = sources_->FetchTree(Local(commit), false, {});
  ASSERT_OK(pinned.status());
  EXPECT_TRUE(pinned->cached);
  EXPECT_EQ(pinned->root, tree->root);
  EXPECT_FALSE(sources_->FetchTree(Local("main"), false, {}).ok());
  EXPECT_FALSE(sources_->FetchTree(Local(commit, "a"), false, {}).ok());
}

TEST_F(FetchedSourcesTest, ATreeOfWhichABlobIsGoneIsCheckedOutAgain) {
  repository_.Write("a/file", "text");
  const std::string commit = repository_.Commit("one");
  const auto tree = sources_->FetchTree(Local(commit), false, {});
  ASSERT_OK(tree.status());
  std::unique_ptr<BlobStore> other = MakeMemoryBlobStore();
  ASSERT_OK(other->PutBytes(*blobs_->Get(tree->root)).status());
  FetchedSourcesOptions options;
  options.scratch_folder = folder_.Path("checkouts");
  options.allow_local_git = true;
  FetchedSources sources(*other, records_, *http_, clock_, options);
  const auto again = sources.FetchTree(Local(commit), false, {});
  ASSERT_OK(again.status());
  EXPECT_FALSE(again->cached);
  EXPECT_EQ(again->root, tree->root);
  EXPECT_TRUE(other->Has(DigestOf("text")));
}

// Eleven objects that name ten thousand million files.
TEST_F(FetchedSourcesTest, ARepositoryThatUnfoldsIsRefused) {
  ProcessOptions process;
  process.working_folder = repository_.path();
  process.argv = {"sh", "-c", R"(
    blob=$(echo text | git hash-object -w --stdin)
    for i in 0 1 2 3 4 5 6 7 8 9; do printf '100644 blob %s\tf%s\n' $blob $i; done > entries
    for level in 1 2 3 4 5 6 7 8 9; do
      tree=$(git mktree < entries)
      for i in 0 1 2 3 4 5 6 7 8 9; do printf '040000 tree %s\td%s\n' $tree $i; done > entries
    done
    git -c user.name=a -c user.email=a@example.org commit-tree -m bomb $(git mktree < entries) > commit
    git update-ref refs/heads/main $(cat commit) && cat commit)"};
  const auto made = RunProcess(process);
  ASSERT_TRUE(made.ok() && made->exit_code == 0) << made->stderr_text;
  FetchedSourcesOptions options;
  options.scratch_folder = folder_.Path("checkouts");
  options.allow_local_git = true;
  options.checkout_limit.files = 2'000;
  FetchedSources sources(*blobs_, records_, *http_, clock_, options);
  const absl::Status status = sources.FetchTree(Local("main"), false, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_NE(Sv(status.message()).find("takes more than"), std::string_view::npos) << status;
  EXPECT_NE(Sv(status.message()).find("2000 files"), std::string_view::npos) << status;
}

TEST_F(FetchedSourcesTest, TheGitFolderMakesAnotherTree) {
  repository_.Write("file", "text");
  repository_.Commit("one");
  const auto without = sources_->FetchTree(Local("main"), false, {});
  const auto with = sources_->FetchTree(Local("main"), true, {});
  ASSERT_OK(without.status());
  ASSERT_OK(with.status());
  EXPECT_NE(without->root, with->root);
  ASSERT_EQ(Read(with->root).directories_size(), 1);
  EXPECT_EQ(Read(with->root).directories(0).name(), ".git");
}

TEST_F(FetchedSourcesTest, ChecksumsThatContradictEachOther) {
  const auto status = sources_->FetchGit("https://h/r.git?commit=aaaaaaa", "bbbbbbb", false, {}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_TRUE(absl::IsInvalidArgument(sources_->FetchGit("https://h/no-git", "", false, {}).status()));
}

TEST_F(FetchedSourcesTest, NothingRunsAfterStop) {
  sources_->Stop();
  EXPECT_TRUE(absl::IsCancelled(sources_->FetchFile("http://127.0.0.1:1/f", "", {}).status()));
  EXPECT_TRUE(absl::IsCancelled(sources_->FetchTree(Local("main"), false, {}).status()));
}

}  // namespace
}  // namespace crossmill::coordinator
