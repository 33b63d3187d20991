#include "coordinator/storage/log_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "common/base/files.h"
#include "common/base/status.h"
#include "tests/coordinator/storage/full_disk.h"
#include "tests/support/status_matchers.h"

namespace crossmill::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

v1::LogChunk Chunk(const std::string& data, v1::LogChunk::Stream stream = v1::LogChunk::STREAM_STDOUT) {
  v1::LogChunk chunk;
  chunk.set_step_number(3);
  chunk.set_stream(stream);
  chunk.set_time(99);
  chunk.set_data(data);
  return chunk;
}

class LogStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryFolder::Create();
    ASSERT_OK(folder);
    folder_.emplace(*std::move(folder));
    Reopen();
  }
  void Reopen(LogStoreOptions options = {}) {
    store_.reset();
    store_ = std::make_unique<LogStore>(folder_->Path("logs"), options);
  }
  void Append(int64_t execution, const std::string& data) {
    ASSERT_OK(store_->Append(execution, Chunk(data)));
  }
  std::vector<std::string> Texts(int64_t execution, int64_t from = 0, int limit = 1000) {
    auto chunks = store_->Read(execution, from, limit);
    EXPECT_OK(chunks);
    std::vector<std::string> texts;
    if (chunks.ok()) {
      for (const v1::LogChunk& chunk : *chunks) texts.push_back(chunk.data());
    }
    return texts;
  }
  std::string FileOf(int64_t execution) {
    return fmt::format("{}/logs/{:02}/{}.log", folder_->path(), execution % 100, execution);
  }
  int64_t SizeOf(int64_t execution) {
    struct stat status;
    return stat(FileOf(execution).c_str(), &status) == 0 ? status.st_size : -1;
  }
  // What a crash may leave behind the last whole message.
  void AppendRaw(int64_t execution, std::string_view bytes) {
    auto fd = OpenFile(FileOf(execution), O_WRONLY | O_APPEND);
    ASSERT_OK(fd);
    ASSERT_OK(WriteAll(fd->get(), bytes));
  }

  std::optional<TemporaryFolder> folder_;
  std::unique_ptr<LogStore> store_;
};

TEST_F(LogStoreTest, ChunksComeBackWholeAndInOrder) {
  ASSERT_OK(store_->Append(7, Chunk("one\n")));
  ASSERT_OK(store_->Append(7, Chunk(std::string("\0\xff", 2), v1::LogChunk::STREAM_STDERR)));
  auto chunks = store_->Read(7, 0, 10);
  ASSERT_OK(chunks);
  ASSERT_EQ(chunks->size(), 2u);
  EXPECT_EQ((*chunks)[0].SerializeAsString(), Chunk("one\n").SerializeAsString());
  EXPECT_EQ((*chunks)[1].stream(), v1::LogChunk::STREAM_STDERR);
  EXPECT_EQ((*chunks)[1].data(), std::string("\0\xff", 2));
}

TEST_F(LogStoreTest, ExecutionWithoutLogReadsEmptyAndMakesNoFile) {
  EXPECT_THAT(Texts(5), IsEmpty());
  EXPECT_EQ(*store_->ChunkCount(5), 0);
  ASSERT_OK(store_->Close(5));
  EXPECT_FALSE(Exists(FileOf(5)));
  ASSERT_OK(store_->Append(5, Chunk("")));
  EXPECT_FALSE(Exists(FileOf(5)));
}

TEST_F(LogStoreTest, ReadGoesOnFromAnyChunk) {
  // More than the stride of the index.
  for (int i = 0; i < 300; ++i) Append(1, std::to_string(i));
  EXPECT_EQ(*store_->ChunkCount(1), 300);
  EXPECT_THAT(Texts(1, 0, 2), ElementsAre("0", "1"));
  EXPECT_THAT(Texts(1, 127, 3), ElementsAre("127", "128", "129"));
  EXPECT_THAT(Texts(1, 298), ElementsAre("298", "299"));
  EXPECT_THAT(Texts(1, 300), IsEmpty());
  EXPECT_THAT(Texts(1, 5, 0), IsEmpty());
  Append(1, "300");
  EXPECT_THAT(Texts(1, 300), ElementsAre("300"));
}

TEST_F(LogStoreTest, ChunksWaitUntilReadOrClosed) {
  Reopen({.buffer_bytes = 1000});
  Append(1, "waiting");
  EXPECT_EQ(SizeOf(1), 0);
  EXPECT_THAT(Texts(1), ElementsAre("waiting"));
  EXPECT_GT(SizeOf(1), 0);
  Append(2, "waiting");
  ASSERT_OK(store_->Close(2));
  EXPECT_GT(SizeOf(2), 0);
}

TEST_F(LogStoreTest, WithoutBufferEachChunkIsWrittenAtOnce) {
  Append(1, "at once");
  EXPECT_GT(SizeOf(1), 0);
}

TEST_F(LogStoreTest, FullBufferIsWritten) {
  Reopen({.buffer_bytes = 10});
  Append(1, "0123456789");
  Append(1, "next");
  EXPECT_GE(SizeOf(1), 10);
}

TEST_F(LogStoreTest, LogGoesOnAfterReopening) {
  for (int i = 0; i < 200; ++i) Append(1, std::to_string(i));
  Reopen();
  EXPECT_EQ(*store_->ChunkCount(1), 200);
  Append(1, "200");
  EXPECT_THAT(Texts(1, 199), ElementsAre("199", "200"));
}

TEST_F(LogStoreTest, TornTailIsCutAndTheLogGoesOn) {
  for (const std::string& tail :
       {std::string("\x50half a message"), std::string("\xff\xff"), std::string(5, '\0'),
        std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), std::string("\x02\xff\xff")}) {
    Append(1, "whole");
    const int64_t count = *store_->ChunkCount(1);
    ASSERT_OK(store_->Close(1));
    const int64_t size = SizeOf(1);
    AppendRaw(1, tail);
    EXPECT_EQ(*store_->ChunkCount(1), count);
    EXPECT_EQ(SizeOf(1), size);
  }
  EXPECT_THAT(Texts(1), ElementsAre("whole", "whole", "whole", "whole", "whole"));
}

TEST_F(LogStoreTest, LongLogIsTruncatedOnceAndVisibly) {
  const LogStoreOptions options{.max_log_bytes = 1000};
  Reopen(options);
  for (int i = 0; i < 20; ++i) Append(1, std::string(100, 'x'));
  auto chunks = store_->Read(1, 0, 1000);
  ASSERT_OK(chunks);
  ASSERT_GT(chunks->size(), 5u);
  ASSERT_LT(chunks->size(), 12u);
  EXPECT_EQ(chunks->back().stream(), v1::LogChunk::STREAM_WORKER);
  EXPECT_EQ(chunks->back().data(), "log truncated: it is longer than 1000 bytes\n");
  EXPECT_EQ(chunks->back().step_number(), 3u);
  EXPECT_EQ((*chunks)[chunks->size() - 2].data(), std::string(100, 'x'));
  // Also for somebody who opens it again.
  Reopen(options);
  Append(1, "small");
  EXPECT_EQ(*store_->ChunkCount(1), static_cast<int64_t>(chunks->size()));
}

TEST_F(LogStoreTest, ChunkLongerThanAReadBlockComesBack) {
  const std::string big(1'000'000, 'b');
  Append(1, "a");
  Append(1, big);
  Append(1, "c");
  Reopen();
  EXPECT_THAT(Texts(1), ElementsAre("a", big, "c"));
}

TEST_F(LogStoreTest, MoreLogsThanMayBeOpenLoseNothing) {
  Reopen({.max_open_logs = 2});
  for (int round = 0; round < 3; ++round) {
    for (int64_t execution = 1; execution <= 5; ++execution) Append(execution, std::to_string(round));
  }
  for (int64_t execution = 1; execution <= 5; ++execution) {
    EXPECT_THAT(Texts(execution), ElementsAre("0", "1", "2"));
  }
}

TEST_F(LogStoreTest, FileThatCannotBeWrittenIsAnErrorThatNamesIt) {
  ASSERT_OK(WriteFileAtomic(folder_->Path("logs"), "a file in the way"));
  const absl::Status status = store_->Append(1, Chunk("x"));
  ASSERT_FALSE(status.ok());
  EXPECT_NE(Sv(status.message()).find("logs"), std::string_view::npos) << status;
}

TEST_F(LogStoreTest, FullDiskLosesNothingThatWasAccepted) {
  Reopen({.buffer_bytes = 100});
  int accepted = 0;
  {
    const FullDisk full(1000);
    absl::Status status;
    while (status.ok() && accepted < 1000) {
      status = store_->Append(1, Chunk(fmt::format("{:050}", accepted)));
      if (status.ok()) ++accepted;
    }
    EXPECT_FALSE(status.ok());
    EXPECT_FALSE(store_->Append(1, Chunk("refused")).ok());
    EXPECT_FALSE(store_->Read(1, 0, 1).ok());
  }
  EXPECT_LT(accepted, 30);
  Append(1, "room again");
  const std::vector<std::string> texts = Texts(1);
  ASSERT_EQ(texts.size(), static_cast<size_t>(accepted) + 1);
  for (int i = 0; i < accepted; ++i) EXPECT_EQ(texts[i], fmt::format("{:050}", i));
  EXPECT_EQ(texts.back(), "room again");
  Reopen();
  EXPECT_EQ(Texts(1), texts);
}

TEST_F(LogStoreTest, ThreadsAppendReadAndCloseTogether) {
  Reopen({.buffer_bytes = 100, .max_open_logs = 1});
  std::atomic<int> failures = 0;
  {
    std::vector<std::jthread> threads;
    for (int64_t execution = 1; execution <= 3; ++execution) {
      threads.emplace_back([&, execution] {
        for (int i = 0; i < 200; ++i) {
          if (!store_->Append(execution, Chunk(std::to_string(i))).ok()) ++failures;
        }
      });
      threads.emplace_back([&, execution] {
        int64_t next = 0;
        while (next < 200) {
          auto chunks = store_->Read(execution, next, 50);
          if (!chunks.ok()) {
            ++failures;
            return;
          }
          for (const v1::LogChunk& chunk : *chunks) {
            if (chunk.data() != std::to_string(next++)) ++failures;
          }
          if (!store_->Close(execution).ok()) ++failures;
        }
      });
    }
  }
  EXPECT_EQ(failures, 0);
}

TEST_F(LogStoreTest, ACompressedLogReadsAsBefore) {
  std::vector<std::string> texts;
  for (int i = 0; i < 3000; ++i) {
    texts.push_back(fmt::format("line {} of a console that is long enough to take several frames: {}\n", i,
                                std::string(static_cast<size_t>(i % 300), 'x')));
    Append(7, texts.back());
  }
  const int64_t before = SizeOf(7);
  ASSERT_EQ(Texts(7, 1500, 3).size(), 3u);
  const auto compressed = store_->Compress(7);
  ASSERT_OK(compressed);
  EXPECT_TRUE(*compressed);
  EXPECT_FALSE(Exists(FileOf(7)));
  struct stat info {};
  ASSERT_EQ(stat((FileOf(7) + ".zst").c_str(), &info), 0);
  EXPECT_LT(info.st_size, before / 5);
  EXPECT_FALSE(*store_->Compress(7)) << "once is enough";
  for (const bool reopened : {false, true}) {
    if (reopened) Reopen();
    EXPECT_EQ(*store_->ChunkCount(7), 3000);
    EXPECT_EQ(Texts(7, 0, 5000), texts);
    EXPECT_THAT(Texts(7, 2999, 10), ElementsAre(texts[2999]));
    EXPECT_THAT(Texts(7, 1234, 2), ElementsAre(texts[1234], texts[1235]));
    EXPECT_THAT(Texts(7, 3000, 2), IsEmpty());
    EXPECT_EQ(store_->Highest(5, 3), 7);
  }
}

TEST_F(LogStoreTest, WhatComesAfterAllUndoesTheCompression) {
  Append(7, "first");
  ASSERT_TRUE(*store_->Compress(7));
  Append(7, "second");
  EXPECT_THAT(Texts(7), ElementsAre("first", "second"));
  EXPECT_FALSE(Exists(FileOf(7) + ".zst"));
  Reopen();
  EXPECT_THAT(Texts(7), ElementsAre("first", "second"));
}

TEST_F(LogStoreTest, CompressionThatBrokeOffLosesNothing) {
  Append(7, "first");
  // As if it had ended before the file itself was removed, and another in the middle.
  ASSERT_OK(WriteFileAtomic(FileOf(7) + ".zst", "half"));
  ASSERT_OK(WriteFileAtomic(FileOf(7) + ".zst.tmp", "half"));
  Reopen();
  EXPECT_THAT(Texts(7), ElementsAre("first"));
  ASSERT_TRUE(*store_->Compress(7));
  EXPECT_THAT(Texts(7), ElementsAre("first"));
}

TEST_F(LogStoreTest, ADamagedCompressedLogIsDataLoss) {
  Append(7, std::string(10'000, 'x') + "end");
  ASSERT_TRUE(*store_->Compress(7));
  const std::string path = FileOf(7) + ".zst";
  const std::string bytes = *ReadFile(path);
  for (const std::string& damaged :
       {bytes.substr(0, bytes.size() / 2), std::string("no frame"), bytes + "x"}) {
    ASSERT_OK(WriteFileAtomic(path, damaged));
    Reopen();
    EXPECT_TRUE(absl::IsDataLoss(store_->Read(7, 0, 10).status())) << damaged.size();
  }
  ASSERT_OK(store_->Discard(7));
  EXPECT_FALSE(Exists(path));
}

TEST_F(LogStoreTest, AConsoleThatAPolicyRemovedIsToldFromOneThatNeverWas) {
  LogStoreOptions options;
  options.removed = [](int64_t execution) {
    return execution == 8 ? Chunk("removed on a day") : v1::LogChunk();
  };
  Reopen(options);
  Append(7, "there");
  EXPECT_THAT(Texts(7), ElementsAre("there"));
  EXPECT_THAT(Texts(8), ElementsAre("removed on a day"));
  EXPECT_EQ(*store_->ChunkCount(8), 1);
  EXPECT_THAT(Texts(8, 1), IsEmpty());
  EXPECT_THAT(Texts(9), IsEmpty());
  EXPECT_EQ(*store_->ChunkCount(9), 0);
}

}  // namespace
}  // namespace crossmill::storage
