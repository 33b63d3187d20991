#include "common/fetch/archive.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/subprocess.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tar_text.h"

namespace crossmill::fetch {
namespace {

using layer::EntryType;

class ArchiveTest : public ::testing::Test {
 protected:
  absl::Status Extract(const std::string& bytes) {
    ExtractOptions options;
    options.notes = &notes_;
    return ExtractArchive(layer::SourceOf(bytes), folder_.Path("out"), options);
  }
  std::string Out(const std::string& name) { return folder_.Path("out/" + name); }
  struct stat Stat(const std::string& name) {
    struct stat info {};
    EXPECT_EQ(lstat(Out(name).c_str(), &info), 0) << name;
    return info;
  }
  // `program` applied to the bytes.
  std::string Filter(const std::vector<std::string>& program, const std::string& bytes) {
    ProcessOptions options;
    options.argv = program;
    options.input = bytes;
    const auto result = RunProcess(options);
    EXPECT_TRUE(result.ok() && result->exit_code == 0) << program[0];
    return result->stdout_text;
  }

  void SetUp() override { ASSERT_OK(MakeFolders(folder_.Path("out"))); }

  TemporaryFolder folder_ = *TemporaryFolder::Create();
  std::vector<std::string> notes_;
};

TEST_F(ArchiveTest, ModesTimesAndLinksAreKept) {
  ASSERT_OK(Extract(TarText()
                        .Add("closed", EntryType::kDirectory)
                        .Add("closed/tool", EntryType::kFile, "tool", 12, 34, 04755)
                        .AddLink("link", EntryType::kSymlink, "/etc/passwd")
                        .AddLink("same", EntryType::kHardLink, "closed/tool")
                        .Add("deep/er/file", EntryType::kFile, "x")
                        .Finish()));
  EXPECT_EQ(*ReadFile(Out("closed/tool")), "tool");
  EXPECT_EQ(Stat("closed/tool").st_mode & 07777, 04755u);
  EXPECT_EQ(Stat("closed/tool").st_mtim.tv_sec, 1'500'000'000);
  EXPECT_EQ(Stat("closed/tool").st_uid, geteuid());
  EXPECT_EQ(Stat("closed").st_mtim.tv_sec, 1'500'000'000);
  EXPECT_EQ(Stat("same").st_ino, Stat("closed/tool").st_ino);
  EXPECT_TRUE(S_ISLNK(Stat("link").st_mode));
  EXPECT_EQ(Stat("deep/er").st_mode & 07777, 0755u);
}

TEST_F(ArchiveTest, EveryCompression) {
  const std::string tar = TarText().Add("file", EntryType::kFile, "content").Finish();
  EXPECT_TRUE(IsArchive(tar));
  for (const std::vector<std::string>& program :
       std::vector<std::vector<std::string>>{{"gzip"}, {"bzip2"}, {"xz"}, {"zstd", "-q"}}) {
    SCOPED_TRACE(program[0]);
    const std::string packed = Filter(program, tar);
    EXPECT_TRUE(IsArchive(std::string_view(packed).substr(0, kArchiveHead)));
    ASSERT_OK(Extract(packed));
    EXPECT_EQ(*ReadFile(Out("file")), "content");
  }
}

// More than one would be without bounds: nothing that comes out shows what was in between.
TEST_F(ArchiveTest, OneCompressionIsUndone) {
  const std::string tar = TarText().Add("file", EntryType::kFile, "content").Finish();
  for (const std::vector<std::string>& program :
       std::vector<std::vector<std::string>>{{"gzip"}, {"bzip2"}, {"xz"}, {"zstd", "-q"}}) {
    for (const std::string& twice :
         {Filter(program, Filter({"gzip"}, tar)), Filter({"gzip"}, Filter(program, tar))}) {
      const absl::Status status = Extract(twice);
      EXPECT_TRUE(absl::IsInvalidArgument(status)) << program[0] << ": " << status;
      EXPECT_NE(access(Out("file").c_str(), F_OK), 0);
    }
  }
}

TEST_F(ArchiveTest, DamageBehindTheTarsEndIsFound) {
  const std::string tar = TarText().Add("file", EntryType::kFile, "content").Finish();
  std::string damaged = Filter({"xz"}, tar);
  damaged[damaged.size() - 6] ^= 1;  // Its checksum.
  EXPECT_TRUE(absl::IsInvalidArgument(Extract(damaged)));
  std::string longer = Filter({"xz"}, tar + std::string(1 << 20, 'x'));
  EXPECT_OK(Extract(longer));
  longer.resize(longer.size() - 20);
  EXPECT_TRUE(absl::IsInvalidArgument(Extract(longer)));
}

TEST_F(ArchiveTest, WhatIsNone) {
  EXPECT_FALSE(IsArchive(""));
  EXPECT_FALSE(IsArchive("FROM scratch\n"));
  EXPECT_FALSE(IsArchive(std::string(512, '\0')));
  EXPECT_FALSE(IsArchive(std::string(600, 'x')));
  EXPECT_TRUE(absl::IsInvalidArgument(Extract(std::string(600, 'x'))));
  const std::string packed =
      Filter({"gzip"}, TarText().Add("f", EntryType::kFile, std::string(5000, 'y')).Finish());
  EXPECT_TRUE(absl::IsInvalidArgument(Extract(packed.substr(0, packed.size() / 2))));
}

TEST_F(ArchiveTest, NothingIsWrittenOutside) {
  ASSERT_OK(MakeFolders(folder_.Path("victim")));
  EXPECT_TRUE(absl::IsInvalidArgument(Extract(TarText().Add("../victim/x", EntryType::kFile, "x").Finish())));
  EXPECT_TRUE(absl::IsInvalidArgument(Extract(TarText()
                                                  .AddLink("way", EntryType::kSymlink, "../victim")
                                                  .Add("way/x", EntryType::kFile, "x")
                                                  .Finish())));
  EXPECT_TRUE(absl::IsInvalidArgument(Extract(TarText()
                                                  .AddLink("way2", EntryType::kSymlink, "../victim")
                                                  .AddLink("hard", EntryType::kHardLink, "way2/x")
                                                  .Finish())));
  // A file that takes a link's place does not go through it.
  ASSERT_OK(Extract(TarText()
                        .AddLink("f", EntryType::kSymlink, "../victim/x")
                        .Add("f", EntryType::kFile, "inside")
                        .AddLink("d", EntryType::kSymlink, "../victim")
                        .Add("d", EntryType::kDirectory)
                        .Add("d/x", EntryType::kFile, "inside")
                        .Finish()));
  EXPECT_EQ(*ReadFile(Out("f")), "inside");
  EXPECT_EQ(*ReadFile(Out("d/x")), "inside");
  EXPECT_FALSE(Exists(folder_.Path("victim/x")));
  ASSERT_OK(Extract(TarText().Add("/absolute", EntryType::kFile, "x").Finish()));
  EXPECT_TRUE(Exists(Out("absolute")));
}

TEST_F(ArchiveTest, DevicesAndPipesAreLeftOutWithANote) {
  ASSERT_OK(Extract(TarText().Add("null", EntryType::kCharDevice).Add("pipe", EntryType::kFifo).Finish()));
  EXPECT_EQ(notes_.size(), 2u);
  EXPECT_FALSE(Exists(Out("null")));
  EXPECT_FALSE(Exists(Out("pipe")));
}

TEST_F(ArchiveTest, ManyPipesCountAndAreFewNotes) {
  TarText tar;
  for (int i = 0; i < 150; ++i) tar.Add("pipe" + std::to_string(i), EntryType::kFifo);
  ExtractOptions options;
  options.notes = &notes_;
  options.most_files = 150;
  options.most_bytes = 1000;
  const std::string bytes = tar.Finish();
  ASSERT_OK(ExtractArchive(layer::SourceOf(bytes), folder_.Path("out"), options));
  ASSERT_EQ(notes_.size(), 101u);
  EXPECT_EQ(notes_.back(), "50 more devices and pipes are left out of the context");
  options.most_files = 149;
  const absl::Status status = ExtractArchive(layer::SourceOf(bytes), folder_.Path("out"), options);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
}

// A pax header's path may be megabytes long.
TEST_F(ArchiveTest, PathsThatNoKernelTakesAreRefused) {
  const auto pax = [](const std::string& key, const std::string& value) {
    const size_t rest = key.size() + value.size() + 3;
    size_t length = rest + 1;
    while (length != rest + std::to_string(length).size()) ++length;
    return std::to_string(length) + " " + key + "=" + value + "\n";
  };
  const auto with = [&](const std::string& key, const std::string& value, EntryType type) {
    // The header that describes the next entry is of type "x".
    std::string head = TarText().Add("pax", EntryType::kFile, pax(key, value)).Finish();
    head.resize(head.size() - 1024);
    head[156] = 'x';
    // Its sum: the type was "0".
    unsigned sum = 0;
    std::fill(head.begin() + 148, head.begin() + 156, ' ');
    for (size_t i = 0; i < 512; ++i) sum += static_cast<unsigned char>(head[i]);
    std::snprintf(head.data() + 148, 8, "%06o", sum);
    return head + TarText().AddLink("entry", type, "target").Finish();
  };
  std::string deep;
  while (deep.size() < 200'000) deep += "a/";
  absl::Status status = Extract(with("path", deep + "f", EntryType::kFile));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_NE(status.message().find("a/a/a"), absl::string_view::npos) << status;
  EXPECT_LT(status.message().size(), 400u);
  EXPECT_FALSE(Exists(Out("a")));
  for (const EntryType type : {EntryType::kHardLink, EntryType::kSymlink}) {
    status = Extract(with("linkpath", deep + "f", type));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_FALSE(Exists(Out("a")));
  }
  // As long as a path can be is well: 4095 bytes.
  std::string longest;
  while (longest.size() < 4095 - 201) longest += std::string(200, 'b') + "/";
  longest += std::string(4095 - longest.size(), 'f');
  ASSERT_OK(Extract(with("path", longest, EntryType::kFile)));
  EXPECT_TRUE(Exists(Out(longest.substr(0, 1000 + 4))));
}

TEST_F(ArchiveTest, StopsWhenToldTo) {
  std::stop_source stop;
  stop.request_stop();
  ExtractOptions options;
  options.stop = stop.get_token();
  const std::string tar = TarText().Add("file", EntryType::kFile, "content").Finish();
  EXPECT_TRUE(absl::IsCancelled(ExtractArchive(layer::SourceOf(tar), folder_.Path("out"), options)));
}

TEST_F(ArchiveTest, WhatNoFolderHoldsIsRefusedWhereItIsAskedFor) {
  ExtractOptions strict;
  strict.refuse_foreign = true;
  strict.notes = &notes_;
  const auto extract = [&](const TarText& tar) {
    const std::string bytes = tar.Finish();
    return ExtractArchive(layer::SourceOf(bytes), folder_.Path("out"), strict);
  };
  for (const TarText& tar :
       {TarText().Add("dev/zero", EntryType::kCharDevice), TarText().Add("dev/zero", EntryType::kBlockDevice),
        TarText().Add("/dev/zero", EntryType::kFile, "x"),
        TarText().AddLink("dev/zero", EntryType::kHardLink, "/etc/passwd")}) {
    const absl::Status status = extract(tar);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_NE(status.message().find("dev/zero"), absl::string_view::npos) << status;
  }
  ASSERT_OK(extract(TarText().Add("pipe", EntryType::kFifo).Add("file", EntryType::kFile, "x")));
  EXPECT_EQ(notes_.size(), 1u);
  EXPECT_FALSE(Exists(Out("dev/zero")));
  // Without being asked for, as Docker's builder has it.
  ASSERT_OK(Extract(
      TarText().Add("/absolute", EntryType::kFile, "x").Add("null", EntryType::kCharDevice).Finish()));
  EXPECT_EQ(*ReadFile(Out("absolute")), "x");
}

TEST_F(ArchiveTest, TheRootsModeAndTimeWhereTheyAreAskedFor) {
  ASSERT_EQ(chmod(folder_.Path("out").c_str(), 0755), 0);
  const std::string tar =
      TarText().Add("./", EntryType::kDirectory).Add("./file", EntryType::kFile, "x").Finish();
  ExtractOptions options;
  ASSERT_OK(ExtractArchive(layer::SourceOf(tar), folder_.Path("out"), options));
  EXPECT_NE(Stat("").st_mtim.tv_sec, 1'500'000'000);
  options.keep_root = true;
  ASSERT_OK(ExtractArchive(layer::SourceOf(tar), folder_.Path("out"), options));
  EXPECT_EQ(Stat("").st_mtim.tv_sec, 1'500'000'000);
}

TEST_F(ArchiveTest, LimitsNameTheEntry) {
  ExtractOptions options;
  options.most_bytes = 100'000;
  const std::string bomb = Filter({"gzip"}, TarText()
                                                .Add("small", EntryType::kFile, "x")
                                                .Add("bomb", EntryType::kFile, std::string(10 << 20, '\0'))
                                                .Finish());
  ASSERT_LT(bomb.size(), 20'000u);
  absl::Status status = ExtractArchive(layer::SourceOf(bomb), folder_.Path("out"), options);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_NE(status.message().find("bomb"), absl::string_view::npos) << status;
  EXPECT_FALSE(Exists(Out("bomb")));
  // Headers without files.
  std::string headers;
  for (int i = 0; i < 500; ++i) headers += TarText().Add("./", EntryType::kDirectory).Finish().substr(0, 512);
  options.most_files = 5;
  status = ExtractArchive(layer::SourceOf(headers), folder_.Path("out"), options);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;

  options = {};
  options.most_files = 5;
  const std::string deep = TarText().Add("a/b/c/d/e/f/g", EntryType::kFile, "x").Finish();
  status = ExtractArchive(layer::SourceOf(deep), folder_.Path("out"), options);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_NE(status.message().find("a/b/c/d/e/f/g"), absl::string_view::npos) << status;
  options.most_files = 7;
  ASSERT_OK(RemoveTree(Out("a")));
  ASSERT_OK(ExtractArchive(layer::SourceOf(deep), folder_.Path("out"), options));
}

// The machine's limits are no fault of the archive, and what was sent may be sent again.
TEST_F(ArchiveTest, AFullMachineIsUnavailable) {
  const std::string tar = TarText().Add("file", EntryType::kFile, "x").Finish();
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const absl::Status status = Extract(tar);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
}

}  // namespace
}  // namespace crossmill::fetch
