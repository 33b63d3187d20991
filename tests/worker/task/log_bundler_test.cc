#include "worker/task/log_bundler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "common/base/status.h"
#include "tests/support/fake_clock.h"

namespace crossmill::worker {
namespace {

using ::testing::ElementsAre;

class LogBundlerTest : public testing::Test {
 protected:
  std::function<void(const v1::LogChunk&)> Sink() {
    return [this](const v1::LogChunk& chunk) {
      MutexLock lock(mutex_);
      chunks_.push_back(chunk);
      changed_.NotifyAll();
    };
  }
  std::vector<std::string> Texts() {
    MutexLock lock(mutex_);
    std::vector<std::string> texts;
    for (const auto& chunk : chunks_)
      texts.push_back(fmt::format("{}:{}", static_cast<int>(chunk.stream()), chunk.data()));
    return texts;
  }

  std::vector<v1::LogChunk> Chunks() {
    MutexLock lock(mutex_);
    return chunks_;
  }

  FakeClock clock_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<v1::LogChunk> chunks_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(LogBundlerTest, PiecesOfOneStreamBecomeOneChunkWithTheTimeOfTheFirst) {
  const int64_t began = UnixNanos(clock_.Now());
  {
    LogBundler bundler(3, clock_, Sink());
    bundler.Add(v1::LogChunk::STREAM_STDOUT, "a");
    clock_.Advance(LogBundler::kPause / 2);
    bundler.Add(v1::LogChunk::STREAM_STDOUT, "b");
  }
  // Perhaps two, if the test was slow; never reordered.
  std::string all;
  const std::vector<v1::LogChunk> chunks = Chunks();
  for (const auto& chunk : chunks) all += chunk.data();
  EXPECT_EQ(all, "ab");
  EXPECT_EQ(chunks[0].time(), began);
  EXPECT_EQ(chunks[0].step_number(), 3u);
}

TEST_F(LogBundlerTest, AfterAPauseAChunkHasATimeOfItsOwn) {
  const int64_t began = UnixNanos(clock_.Now());
  {
    LogBundler bundler(1, clock_, Sink());
    bundler.Add(v1::LogChunk::STREAM_STDOUT, "started\n");
    clock_.Advance(LogBundler::kPause);
    bundler.Add(v1::LogChunk::STREAM_STDOUT, "finished\n");
  }
  EXPECT_THAT(Texts(), ElementsAre("0:started\n", "0:finished\n"));
  EXPECT_EQ(Chunks()[1].time() - began, absl::ToInt64Nanoseconds(LogBundler::kPause));
}

TEST_F(LogBundlerTest, AConsoleWithoutPausesIsCutByItsPatience) {
  {
    LogBundler bundler(1, clock_, Sink());
    for (absl::Duration passed; passed < 2 * LogBundler::kPatience; passed += LogBundler::kPause / 2) {
      bundler.Add(v1::LogChunk::STREAM_STDOUT, "x");
      clock_.Advance(LogBundler::kPause / 2);
    }
  }
  for (const v1::LogChunk& chunk : Chunks()) EXPECT_LE(chunk.data().size(), 10u);
}

// What is said while the sink takes its time has the time at which it was said.
TEST_F(LogBundlerTest, ASlowSinkHoldsUpNoConsole) {
  const int64_t began = UnixNanos(clock_.Now());
  std::atomic<bool> go = false;
  {
    LogBundler bundler(1, clock_, [&](const v1::LogChunk& chunk) {
      while (!go) std::this_thread::yield();
      Sink()(chunk);
    });
    bundler.Add(v1::LogChunk::STREAM_STDOUT, "one");
    clock_.Advance(absl::Seconds(1));
    bundler.Add(v1::LogChunk::STREAM_STDOUT, "two");
    clock_.Advance(absl::Seconds(1));
    bundler.Add(v1::LogChunk::STREAM_STDOUT, "three");
    go = true;
  }
  EXPECT_THAT(Texts(), ElementsAre("0:one", "0:two", "0:three"));
  EXPECT_EQ(Chunks()[2].time() - began, absl::ToInt64Nanoseconds(absl::Seconds(2)));
}

TEST_F(LogBundlerTest, StreamsStayInOrder) {
  {
    LogBundler bundler(1, clock_, Sink());
    bundler.Add(v1::LogChunk::STREAM_STDOUT, "one");
    bundler.Add(v1::LogChunk::STREAM_STDERR, "two");
    bundler.Add(v1::LogChunk::STREAM_STDOUT, "three");
  }
  EXPECT_THAT(Texts(), ElementsAre("0:one", "1:two", "0:three"));
}

TEST_F(LogBundlerTest, LargeOutputIsCutAndComplete) {
  const std::string large(LogBundler::kChunkBytes * 3 + 10, 'x');
  {
    LogBundler bundler(1, clock_, Sink());
    bundler.Add(v1::LogChunk::STREAM_STDOUT, large);
  }
  const std::vector<v1::LogChunk> chunks = Chunks();
  ASSERT_EQ(chunks.size(), 4u);
  EXPECT_EQ(chunks[0].data().size(), LogBundler::kChunkBytes);
  EXPECT_EQ(chunks[3].data().size(), 10u);
}

TEST_F(LogBundlerTest, QuietStepsOutputArrivesWithoutAFlush) {
  LogBundler bundler(1, clock_, Sink());
  bundler.Add(v1::LogChunk::STREAM_STDOUT, "prompt: ");
  MutexLock lock(mutex_);
  while (chunks_.empty()) {
    ASSERT_TRUE(changed_.WaitFor(mutex_, std::chrono::seconds(30)));
  }
  EXPECT_EQ(chunks_[0].data(), "prompt: ");
}

}  // namespace
}  // namespace crossmill::worker
