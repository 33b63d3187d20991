#include "worker/accelerators/root_table.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <optional>
#include <thread>

#include "absl/strings/escaping.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "tests/support/status_matchers.h"
#include "worker/accelerators/own_formats.h"
#include "worker/accelerators/table_format.h"
#include "worker/tree/root_path.h"

namespace crossmill::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class RootTableTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    folder_.emplace(std::move(*folder));
    ASSERT_OK(MakeFolders(folder_->Path("usr/lib")));
    tool_.name = "cc1";
    tool_.program = "bin/cc1";
    tool_.stands_for = {"/usr/lib/cc1", DigestOf("emulated")};
    tool_.needs = {{"/usr/lib/isl", DigestOf("isl")}};
    tool_.rules = {{ACCELERATED_EMULATED_WORD, "-v", {}, {}},
                   {ACCELERATED_REPLACED_FILE, "-plugin", "/usr/lib/plugin", "lib/plugin"}};
  }
  void Write(const std::string& path, const std::string& content) {
    ASSERT_OK(WriteFileAtomic(folder_->Path(path), content));
  }
  RootTable Make() const {
    const auto root = OpenRoot(folder_->path());
    EXPECT_OK(root);
    auto table = MakeRootTable({tool_}, false, root->get(), &known_);
    EXPECT_OK(table);
    return *std::move(table);
  }
  static accelerated_file FileOf(const RootTable& table, size_t number) {
    accelerated_file file;
    std::memcpy(&file, table.bytes.data() + sizeof(accelerated_table) + number * sizeof(file), sizeof(file));
    return file;
  }
  std::optional<TemporaryFolder> folder_;
  AcceleratedTool tool_;
  mutable RecognisedFiles known_;
};

TEST_F(RootTableTest, FilesWithTheRightContentAreKnown) {
  Write("usr/lib/cc1", "emulated");
  Write("usr/lib/isl", "isl");
  const RootTable table = Make();
  EXPECT_THAT(table.present, ElementsAre("cc1"));
  const accelerated_file file = FileOf(table, 0);
  struct stat state {};
  ASSERT_EQ(stat(folder_->Path("usr/lib/cc1").c_str(), &state), 0);
  EXPECT_EQ(file.known, 1u);
  EXPECT_EQ(file.inode, state.st_ino);
  EXPECT_EQ(file.device, state.st_dev);
  EXPECT_EQ(file.ctime_seconds, state.st_ctim.tv_sec);
  EXPECT_EQ(file.ctime_nanoseconds, static_cast<uint32_t>(state.st_ctim.tv_nsec));
  EXPECT_EQ(absl::BytesToHexString({reinterpret_cast<const char*>(file.sha256), 32}), Sha256Hex("emulated"));
  EXPECT_STREQ(table.bytes.data() + file.path, "/usr/lib/cc1");
}

// Of several sets: the compilers of the one, or, where there are none yet, the libraries that they would
// need.
TEST_F(RootTableTest, OfSeveralTheOneFitsBetterThatTheRootHasMoreOf) {
  const RootTable none = Make();
  EXPECT_EQ(none.known, 0u);
  Write("usr/lib/isl", "isl");
  const RootTable library = Make();
  EXPECT_THAT(library.present, IsEmpty());
  EXPECT_EQ(library.known, 1u);
  Write("usr/lib/cc1", "emulated");
  const RootTable both = Make();
  EXPECT_EQ(both.known, 2u);
  EXPECT_TRUE(library.FitsBetter(none));
  EXPECT_TRUE(both.FitsBetter(library));
  EXPECT_FALSE(none.FitsBetter(none));
  EXPECT_FALSE(none.FitsBetter(both));
  RootTable many;
  many.known = 100;
  EXPECT_TRUE(both.FitsBetter(many));
  EXPECT_FALSE(many.FitsBetter(both));
}

TEST_F(RootTableTest, OthersAreInTheTableByDigestOnly) {
  EXPECT_THAT(Make().present, IsEmpty());
  EXPECT_EQ(FileOf(Make(), 0).known, 0u);
  // The same size, another content.
  Write("usr/lib/cc1", "REPLACED");
  Write("usr/lib/isl", "isl");
  const RootTable table = Make();
  EXPECT_THAT(table.present, IsEmpty());
  EXPECT_EQ(FileOf(table, 0).known, 0u);
  EXPECT_EQ(FileOf(table, 1).known, 1u);
}

TEST_F(RootTableTest, AFileIsReadOnceUntilItChanges) {
  Write("usr/lib/cc1", "emulated");
  Write("usr/lib/isl", "isl");
  EXPECT_THAT(Make().present, ElementsAre("cc1"));
  struct stat state {};
  ASSERT_EQ(stat(folder_->Path("usr/lib/cc1").c_str(), &state), 0);
  EXPECT_TRUE(known_.Has(state, DigestOf("emulated")));
  EXPECT_FALSE(known_.Has(state, DigestOf("REPLACED"))) << "of this content only";
  EXPECT_THAT(Make().present, ElementsAre("cc1"));
  // In its place, with the same size. Kernels before 6.13 count times of change in ticks.
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  const int fd = open(folder_->Path("usr/lib/cc1").c_str(), O_WRONLY);
  ASSERT_EQ(pwrite(fd, "REPLACED", 8, 0), 8);
  close(fd);
  ASSERT_EQ(stat(folder_->Path("usr/lib/cc1").c_str(), &state), 0);
  EXPECT_FALSE(known_.Has(state, DigestOf("emulated")));
  EXPECT_THAT(Make().present, IsEmpty());
}

TEST_F(RootTableTest, AFolderWithOneEntryTooManyKeepsAToolOut) {
  Write("usr/lib/cc1", "emulated");
  Write("usr/lib/isl", "isl");
  tool_.rules.push_back({ACCELERATED_FOLDER_ENTRIES, "/usr/lib", "cc1 isl", ""});
  tool_.rules.push_back({ACCELERATED_FOLDER_ENTRIES, "/missing", "", ""});
  EXPECT_THAT(Make().present, ElementsAre("cc1"));
  Write("usr/lib/plugin.so", "another");
  const RootTable table = Make();
  EXPECT_THAT(table.present, IsEmpty());
  EXPECT_EQ(table.differing.at("cc1"), "/usr/lib has plugin.so, too");
}

TEST_F(RootTableTest, RulesHaveTheirTexts) {
  const RootTable table = Make();
  const char* at = table.bytes.data();
  accelerated_rule rules[2];
  std::memcpy(rules,
              at + sizeof(accelerated_table) + 2 * sizeof(accelerated_file) + sizeof(accelerated_program),
              sizeof(rules));
  EXPECT_STREQ(at + rules[0].text, "-v");
  EXPECT_STREQ(at + rules[1].text, "-plugin");
  EXPECT_STREQ(at + rules[1].from, "/usr/lib/plugin");
  EXPECT_STREQ(at + rules[1].to, "/dev/accelerators/lib/plugin");
}

TEST_F(RootTableTest, WhatIsNoFileIsNotRead) {
  ASSERT_EQ(mkfifo(folder_->Path("usr/lib/cc1").c_str(), 0600), 0);
  // Links lead where they would in the step: not out of the root.
  ASSERT_EQ(symlink("/etc/passwd", folder_->Path("usr/lib/isl").c_str()), 0);
  EXPECT_THAT(Make().present, IsEmpty());
}

// For the processor alone; the stub wants the last byte to end a text.
TEST_F(RootTableTest, ATableWithoutTools) {
  const auto root = OpenRoot(folder_->path());
  ASSERT_OK(root);
  for (const bool quick : {true, false}) {
    const auto table = MakeRootTable({}, quick, root->get(), &known_);
    ASSERT_OK(table);
    accelerated_table header;
    ASSERT_GT(table->bytes.size(), sizeof(header));
    std::memcpy(&header, table->bytes.data(), sizeof(header));
    EXPECT_EQ(header.bytes, table->bytes.size());
    EXPECT_EQ(header.programs_count, 0u);
    EXPECT_EQ(header.quick_processor, quick ? 1u : 0u);
    EXPECT_EQ(table->bytes.back(), '\0');
  }
}

TEST_F(RootTableTest, TooManyToolsDoNotFit) {
  const auto root = OpenRoot(folder_->path());
  ASSERT_OK(root);
  const std::vector<AcceleratedTool> many(2000, tool_);
  EXPECT_TRUE(absl::IsResourceExhausted(MakeRootTable(many, false, root->get(), &known_).status()));
}

TEST(OwnFormatsTest, AnEntryIsRegisteredAsItWas) {
  ProgramFormat format;
  format.name = "qemu-aarch64";
  format.interpreter = "/data/emulator";
  format.flags = "POCF";
  format.magic = "7f45";
  format.mask = "ff00";
  const auto line = RegistrationOf(format);
  ASSERT_OK(line);
  EXPECT_EQ(*line, ":qemu-aarch64:M:0:\\x7f\\x45:\\xff\\x00:/data/emulator:POCF");
  format.extension = "jar";
  EXPECT_EQ(*RegistrationOf(format), ":qemu-aarch64:E::jar:\\xff\\x00:/data/emulator:POCF");
  format.interpreter = "/data/with:colon";
  EXPECT_TRUE(absl::IsInvalidArgument(RegistrationOf(format).status()));
}

// Nothing is mounted then: a namespace that had a table of its own has the machine's no more.
TEST(OwnFormatsTest, AnInterpreterThatIsNotThereAnyMoreIsFoundBefore) {
  const auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  ProgramFormat format;
  format.name = "gone";
  format.magic = "7f45";
  format.flags = "F";
  format.interpreter = folder->Path("gone");
  const auto mounted = MountOwnFormats({format}, folder->Path("formats"));
  EXPECT_TRUE(absl::IsFailedPrecondition(mounted.status())) << mounted.status();
  EXPECT_FALSE(Exists(folder->Path("formats")));
}

TEST(OwnFormatsTest, EnabledEntriesAreRead) {
  const auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  const std::string text =
      "interpreter /usr/bin/q\nflags: POCF\noffset 0\nmagic 7f454c460201010000000000000000000200b700\nmask "
      "ff00\n";
  ASSERT_OK(WriteFileAtomic(folder->Path("b"), "enabled\n" + text));
  ASSERT_OK(
      WriteFileAtomic(folder->Path("a"), "enabled\ninterpreter /usr/bin/java\nflags: \nextension .jar\n"));
  ASSERT_OK(WriteFileAtomic(folder->Path("off"), "disabled\n" + text));
  ASSERT_OK(WriteFileAtomic(folder->Path("status"), "enabled\n"));
  const std::vector<ProgramFormat> formats = ReadProgramFormats(folder->path());
  ASSERT_EQ(formats.size(), 2u);
  EXPECT_EQ(formats[0].extension, "jar");
  EXPECT_EQ(formats[0].flags, "");
  EXPECT_EQ(formats[1].architecture, "arm64");
  EXPECT_EQ(formats[1].mask, "ff00");
  EXPECT_THAT(ReadProgramFormats(folder->Path("missing")), IsEmpty());
}

}  // namespace
}  // namespace crossmill::worker
