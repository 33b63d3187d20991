#include "common/context/context_scan.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <map>
#include <optional>

#include "absl/time/clock.h"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "common/base/blob_store.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/context/context_upload.h"
#include "common/context/hash_cache.h"
#include "tests/support/fake_clock.h"
#include "tests/support/restarting_store.h"
#include "tests/support/status_matchers.h"

namespace crossmill::context {
namespace {

namespace reapi = ::build::bazel::remote::execution::v2;
using testing::ElementsAre;
using testing::HasSubstr;

class ContextScanTest : public testing::Test {
 protected:
  ContextScanTest()
      : folder_(*TemporaryFolder::Create()), cache_(*TemporaryFolder::Create()), clock_(absl::Now()) {
    umask(022);
    options_.folder = folder_.path();
    options_.cache_path = cache_.Path("cache/context");
    // Everything written now is old enough to be trusted.
    clock_.Advance(absl::Seconds(10));
  }

  void Write(const std::string& path, const std::string& text, mode_t mode = 0644) {
    const std::string full = folder_.Path(path);
    ASSERT_OK(MakeFolders(full.substr(0, full.rfind('/'))));
    ASSERT_OK(WriteFileAtomic(full, text, mode));
    ASSERT_EQ(chmod(full.c_str(), mode), 0);
  }

  ScannedContext Scan() {
    auto context = ScanContext(options_, clock_);
    EXPECT_OK(context);
    return context.ok() ? *std::move(context) : ScannedContext();
  }

  // The Directory at a path of a scanned tree, by following digests from the root.
  static std::optional<reapi::Directory> Folder(const ScannedContext& context,
                                                const std::vector<std::string>& path) {
    std::map<std::string, const std::string*> blobs;
    for (const auto& [digest, bytes] : context.folders) blobs[digest.hash] = &bytes;
    std::string hash = context.root.hash;
    reapi::Directory folder;
    for (size_t depth = 0;; ++depth) {
      if (!blobs.contains(hash) || !folder.ParseFromString(*blobs[hash])) return std::nullopt;
      EXPECT_EQ(Sha256Hex(*blobs[hash]), hash);
      if (depth == path.size()) return folder;
      hash.clear();
      for (const auto& node : folder.directories()) {
        if (node.name() == path[depth]) hash = node.digest().hash();
      }
      if (hash.empty()) return std::nullopt;
    }
  }

  static std::vector<std::string> Paths(const ScannedContext& context) {
    std::vector<std::string> paths;
    for (const ContextFile& file : context.files) paths.push_back(file.path);
    std::sort(paths.begin(), paths.end());
    return paths;
  }

  TemporaryFolder folder_;
  TemporaryFolder cache_;
  FakeClock clock_;
  ScanOptions options_;
};

TEST_F(ContextScanTest, TreeFollowsTheRulesOfTheProtocol) {
  Write("b.txt", "hello");
  Write("a.sh", "#!/bin/sh\n", 0755);
  Write("sub/deep/x", "x", 0600);
  ASSERT_EQ(symlink("../b.txt", folder_.Path("sub/link").c_str()), 0);
  const ScannedContext context = Scan();
  const auto root = Folder(context, {});
  ASSERT_TRUE(root);
  ASSERT_EQ(root->files_size(), 2);
  EXPECT_EQ(root->files(0).name(), "a.sh");
  EXPECT_TRUE(root->files(0).is_executable());
  EXPECT_EQ(root->files(0).node_properties().unix_mode().value(), 0755u);
  EXPECT_FALSE(root->files(0).node_properties().has_mtime());
  EXPECT_EQ(root->files(1).name(), "b.txt");
  EXPECT_EQ(root->files(1).digest().hash(), Sha256Hex("hello"));
  EXPECT_EQ(root->files(1).digest().size_bytes(), 5);
  EXPECT_TRUE(root->node_properties().has_unix_mode());
  const auto sub = Folder(context, {"sub"});
  ASSERT_TRUE(sub);
  ASSERT_EQ(sub->symlinks_size(), 1);
  EXPECT_EQ(sub->symlinks(0).target(), "../b.txt");
  EXPECT_EQ(sub->node_properties().unix_mode().value(), 0755u);
  EXPECT_THAT(Paths(context), ElementsAre("a.sh", "b.txt", "sub/deep/x"));
  EXPECT_EQ(context.bytes, 5 + 10 + 1);
}

TEST_F(ContextScanTest, SameTreeElsewhereHasTheSameRoot) {
  Write("a", "1");
  Write("d/b", "2");
  const Digest first = Scan().root;
  TemporaryFolder other = *TemporaryFolder::Create();
  ASSERT_OK(MakeFolders(other.Path("d")));
  ASSERT_OK(WriteFileAtomic(other.Path("d/b"), "2"));
  ASSERT_OK(WriteFileAtomic(other.Path("a"), "1"));
  // The temporary folders themselves are made with the same mode; times differ.
  options_.folder = other.path();
  options_.cache_path.clear();
  EXPECT_EQ(Scan().root, first);
}

TEST_F(ContextScanTest, TimesOnlyWhenAskedFor) {
  Write("a", "1");
  const timespec times[2] = {{1'600'000'000, 999}, {1'600'000'000, 999}};
  ASSERT_EQ(utimensat(AT_FDCWD, folder_.Path("a").c_str(), times, 0), 0);
  options_.keep_times = true;
  const auto root = Folder(Scan(), {});
  ASSERT_TRUE(root);
  EXPECT_EQ(root->files(0).node_properties().mtime().seconds(), 1'600'000'000);
  EXPECT_EQ(root->files(0).node_properties().mtime().nanos(), 0);
  EXPECT_TRUE(root->node_properties().has_mtime());
}

TEST_F(ContextScanTest, HardLinksNameTheFirstOfTheirPaths) {
  Write("sub/deep/third", "shared");
  Write("other/alone", "shared");
  // Built before it is known which files are one.
  const ScannedContext apart = Scan();
  const auto link_to = [&](const char* path) {
    ASSERT_EQ(link(folder_.Path("sub/deep/third").c_str(), folder_.Path(path).c_str()), 0);
  };
  link_to("sub/se%\xFF-cond");
  link_to("z");
  const ScannedContext context = Scan();
  const auto hard_link = [](const reapi::FileNode& node) {
    const auto& properties = node.node_properties().properties();
    return properties.empty() ? "none" : properties[0].name() + "=" + properties[0].value();
  };
  const auto root = Folder(context, {});
  const auto sub = Folder(context, {"sub"});
  const auto deep = Folder(context, {"sub", "deep"});
  const auto other = Folder(context, {"other"});
  ASSERT_TRUE(root && sub && deep && other);
  EXPECT_EQ(hard_link(root->files(0)), "hardlink=sub/deep/third");
  EXPECT_EQ(hard_link(sub->files(0)), "hardlink=sub/deep/third");
  EXPECT_EQ(hard_link(deep->files(0)), "hardlink=sub/deep/third");
  EXPECT_EQ(hard_link(other->files(0)), "none");
  // The same with the hash cache, and with as many threads as may be.
  options_.threads = 8;
  EXPECT_EQ(Scan().root, context.root);
  // Folders without such files are what they were.
  const auto digest_of_other = [](const reapi::Directory& root_folder) {
    return root_folder.directories(0).digest().hash();
  };
  EXPECT_EQ(digest_of_other(*root), digest_of_other(*Folder(apart, {})));

  // Of the path, what is not printable ASCII is escaped.
  ASSERT_EQ(unlink(folder_.Path("sub/deep/third").c_str()), 0);
  const auto escaped = Folder(Scan(), {});
  ASSERT_TRUE(escaped);
  EXPECT_EQ(hard_link(escaped->files(0)), "hardlink=sub/se%25%FF-cond");
}

TEST_F(ContextScanTest, LinksOutsideOrIgnoredChangeNothing) {
  Write("a", "1");
  Write("d/b", "2");
  const Digest before = Scan().root;
  ASSERT_EQ(link(folder_.Path("a").c_str(), cache_.Path("outside").c_str()), 0);
  ASSERT_EQ(link(folder_.Path("d/b").c_str(), folder_.Path("ignored").c_str()), 0);
  const auto rules = pattern::IgnoreRules::Parse("ignored\n");
  ASSERT_OK(rules);
  options_.ignore = &*rules;
  EXPECT_EQ(Scan().root, before);
  options_.ignore = nullptr;
  EXPECT_NE(Scan().root, before);
}

TEST_F(ContextScanTest, NamesNeedNotBeUtf8) {
  Write("na\xFFme", "1");
  const auto root = Folder(Scan(), {});
  ASSERT_TRUE(root);
  EXPECT_EQ(root->files(0).name(), "na\xFFme");
}

TEST_F(ContextScanTest, IgnoredFoldersAreNotEnteredUnlessAnExceptionMayBeBelow) {
  Write("keep", "1");
  Write("out/secret", "2");
  Write("node_modules/a/b", "3");
  Write("docs/internal/x", "4");
  Write("docs/public/y", "5");
  const auto rules = pattern::IgnoreRules::Parse("out\nnode_modules\ndocs\n!docs/public\n");
  ASSERT_OK(rules);
  options_.ignore = &*rules;
  // A folder that must not be entered: reading it would fail.
  const bool root = geteuid() == 0;
  if (!root) {
    ASSERT_EQ(chmod(folder_.Path("out").c_str(), 0), 0);
  }
  const ScannedContext context = Scan();
  EXPECT_THAT(Paths(context), ElementsAre("docs/public/y", "keep"));
  EXPECT_FALSE(Folder(context, {"out"}));
  EXPECT_TRUE(Folder(context, {"docs", "public"}));
  EXPECT_FALSE(Folder(context, {"docs", "internal"}));
  if (!root) chmod(folder_.Path("out").c_str(), 0755);
}

TEST_F(ContextScanTest, ExcludedFolderWithoutExceptionsLeavesNoTrace) {
  Write("keep", "1");
  Write("docs/internal/x", "4");
  const auto rules = pattern::IgnoreRules::Parse("docs\n!docs/public\n");
  ASSERT_OK(rules);
  options_.ignore = &*rules;
  EXPECT_FALSE(Folder(Scan(), {"docs"}));
}

TEST_F(ContextScanTest, EmptyFoldersAreKept) {
  ASSERT_OK(MakeFolders(folder_.Path("empty")));
  const auto empty = Folder(Scan(), {"empty"});
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->files_size() + empty->directories_size(), 0);
}

TEST_F(ContextScanTest, SocketsAndPipesAreLeftOutWithANote) {
  Write("keep", "1");
  ASSERT_EQ(mkfifo(folder_.Path("pipe").c_str(), 0600), 0);
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  ASSERT_LT(folder_.Path("sock").size(), sizeof(address.sun_path));
  folder_.Path("sock").copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  const ScannedContext context = Scan();
  EXPECT_THAT(Paths(context), ElementsAre("keep"));
  EXPECT_THAT(context.notes, ElementsAre("pipe is a named pipe and is left out of the context",
                                         "sock is a socket and is left out of the context"));
}

TEST_F(ContextScanTest, UnreadableFileIsNamed) {
  if (geteuid() == 0) GTEST_SKIP() << "root can read everything";
  Write("secret", "1", 0);
  const auto context = ScanContext(options_, clock_);
  EXPECT_TRUE(absl::IsPermissionDenied(context.status()));
  EXPECT_THAT(std::string(Sv(context.status().message())), HasSubstr("secret"));
}

TEST_F(ContextScanTest, MissingFolderIsAnError) {
  options_.folder = folder_.Path("nowhere");
  EXPECT_TRUE(absl::IsNotFound(ScanContext(options_, clock_).status()));
}

TEST_F(ContextScanTest, SecondScanReadsNothing) {
  for (int i = 0; i < 50; ++i)
    Write("d" + std::to_string(i % 5) + "/f" + std::to_string(i), std::to_string(i));
  const ScannedContext first = Scan();
  EXPECT_EQ(first.hashed_files, 50);
  const ScannedContext second = Scan();
  EXPECT_EQ(second.hashed_files, 0);
  EXPECT_EQ(second.root, first.root);
  Write("d0/f0", "other");
  const ScannedContext third = Scan();
  EXPECT_EQ(third.hashed_files, 1);
  EXPECT_NE(third.root, first.root);
}

TEST_F(ContextScanTest, ChangeThatKeepsSizeAndTimeIsSeen) {
  Write("f", "one");
  struct stat before;
  ASSERT_EQ(stat(folder_.Path("f").c_str(), &before), 0);
  const Digest first = Scan().root;
  {
    UniqueFd fd = *OpenFile(folder_.Path("f"), O_WRONLY);
    ASSERT_OK(WriteAll(fd.get(), "two"));
    const timespec times[2] = {before.st_atim, before.st_mtim};
    ASSERT_EQ(futimens(fd.get(), times), 0);
  }
  struct stat after;
  ASSERT_EQ(stat(folder_.Path("f").c_str(), &after), 0);
  ASSERT_EQ(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
  const ScannedContext second = Scan();
  EXPECT_EQ(second.hashed_files, 1);
  EXPECT_NE(second.root, first);
}

TEST_F(ContextScanTest, YoungFilesAreNotTrusted) {
  Write("f", "one");
  // The clock shows when the file was written.
  FakeClock now(absl::Now());
  for (int i = 0; i < 2; ++i) {
    const auto context = ScanContext(options_, now);
    ASSERT_OK(context);
    EXPECT_EQ(context->hashed_files, 1);
  }
}

TEST_F(ContextScanTest, DamagedCacheCountsAsEmpty) {
  Write("f", "one");
  const Digest root = Scan().root;
  std::string bytes = *ReadFile(options_.cache_path);
  bytes[bytes.size() / 2] ^= 1;
  ASSERT_OK(WriteFileAtomic(options_.cache_path, bytes));
  const ScannedContext again = Scan();
  EXPECT_EQ(again.hashed_files, 1);
  EXPECT_EQ(again.root, root);
  for (const size_t size : {size_t{0}, size_t{10}, bytes.size() - 1}) {
    ASSERT_OK(WriteFileAtomic(options_.cache_path, bytes.substr(0, size)));
    EXPECT_EQ(Scan().hashed_files, 1) << size;
  }
}

TEST_F(ContextScanTest, LargeFolderIsReadInChunks) {
  for (int i = 0; i < 1500; ++i) Write("f" + std::to_string(i), std::to_string(i));
  const ScannedContext context = Scan();
  EXPECT_EQ(context.files.size(), 1500u);
  const auto root = Folder(context, {});
  ASSERT_TRUE(root);
  for (int i = 1; i < root->files_size(); ++i) ASSERT_LT(root->files(i - 1).name(), root->files(i).name());
}

TEST_F(ContextScanTest, StopsWhenToldTo) {
  Write("file", "x");
  std::stop_source stop;
  ScanOptions options;
  options.folder = folder_.path();
  options.stop = stop.get_token();
  const auto context = ScanContext(options, clock_);
  ASSERT_OK(context);
  const auto store = MakeMemoryBlobStore();
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(ScanContext(options, clock_).status()));
  EXPECT_TRUE(
      absl::IsCancelled(UploadContext(*context, folder_.path(), *store, nullptr, stop.get_token()).status()));
  EXPECT_FALSE(store->Has(context->root));
}

TEST_F(ContextScanTest, ManyPipesAreFewNotes) {
  for (int i = 0; i < 130; ++i) ASSERT_EQ(mkfifo(folder_.Path("pipe" + std::to_string(i)).c_str(), 0600), 0);
  const ScannedContext context = Scan();
  ASSERT_EQ(context.notes.size(), 101u);
  EXPECT_EQ(context.notes.back(), "30 more sockets, pipes and devices are left out of the context");
}

TEST_F(ContextScanTest, OnlyMissingBlobsAreSent) {
  Write("small", "1");
  Write("same/small", "1");
  Write("large", std::string(300'000, 'x'));
  const auto store = MakeMemoryBlobStore();
  const ScannedContext context = Scan();
  auto sent = UploadContext(context, folder_.path(), *store, nullptr);
  ASSERT_OK(sent);
  // Two files by content, two folders.
  EXPECT_EQ(sent->blobs, 4);
  EXPECT_EQ(*store->Get(DigestOf("1")), "1");
  EXPECT_TRUE(store->Has(context.root));
  sent = UploadContext(context, folder_.path(), *store, nullptr);
  ASSERT_OK(sent);
  EXPECT_EQ(sent->blobs, 0);
}

TEST_F(ContextScanTest, AStoreThatWasStartedAgainGetsAFileAgain) {
  Write("large", std::string(3'000'000, 'x'));
  const ScannedContext context = Scan();
  RestartingStore store;
  store.failures = 1;
  UploadResult last;
  const auto sent = UploadContext(context, folder_.path(), store,
                                  [&](const UploadResult& so_far, const UploadResult&) { last = so_far; });
  ASSERT_OK(sent);
  EXPECT_TRUE(store.Has(DigestOf(std::string(3'000'000, 'x'))));
  // What was lost does not count.
  EXPECT_EQ(last.bytes, sent->bytes);
  EXPECT_EQ(last.blobs, sent->blobs);
  RestartingStore gone;
  gone.failures = 2;
  EXPECT_TRUE(absl::IsUnavailable(UploadContext(context, folder_.path(), gone, nullptr).status()));
}

TEST_F(ContextScanTest, FileThatChangedSinceTheScanIsNamed) {
  for (const size_t size : {size_t{10}, size_t{300'000}}) {
    Write("f", std::string(size, 'x'));
    const ScannedContext context = Scan();
    Write("f", std::string(size, 'y'));
    const auto store = MakeMemoryBlobStore();
    const auto sent = UploadContext(context, folder_.path(), *store, nullptr);
    EXPECT_TRUE(absl::IsAborted(sent.status())) << sent.status();
    EXPECT_THAT(std::string(Sv(sent.status().message())), HasSubstr("f: the file changed"));
  }
}

TEST(HashCachePathTest, FollowsXdg) {
  EXPECT_THAT(HashCachePath("/c", "/h", "/ctx"), testing::StartsWith("/c/crossmill/context-"));
  EXPECT_THAT(HashCachePath("", "/h", "/ctx"), testing::StartsWith("/h/.cache/crossmill/context-"));
  EXPECT_EQ(HashCachePath("", "", "/ctx"), "");
  EXPECT_NE(HashCachePath("/c", "", "/ctx"), HashCachePath("/c", "", "/other"));
}

}  // namespace
}  // namespace crossmill::context
