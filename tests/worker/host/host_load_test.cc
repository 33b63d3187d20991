#include "worker/host/host_load.h"

#include <gtest/gtest.h>

#include "absl/time/clock.h"
#include "common/base/files.h"
#include "tests/support/status_matchers.h"

namespace crossmill::worker {
namespace {

TEST(HostLoadTest, BusyIsWhatIsNeitherIdleNorWaitingForADisk) {
  const auto time = ParseProcessorTime("cpu  10 1 20 300 40 2 3 4 7 0\ncpu0 1 2 3 4\n");
  ASSERT_TRUE(time);
  EXPECT_EQ(time->busy, 40u);
  EXPECT_EQ(time->total, 380u);
  EXPECT_EQ(ParseProcessorTime("cpu 1 2 3 4\n")->busy, 6u) << "an old kernel";
  EXPECT_FALSE(ParseProcessorTime(""));
  EXPECT_FALSE(ParseProcessorTime("cpu  x\n"));
  EXPECT_FALSE(ParseProcessorTime("cpu0 1 2 3 4\n"));
}

TEST(HostLoadTest, PressureIsAShare) {
  EXPECT_DOUBLE_EQ(ParsePressure("some avg10=12.50 avg60=1.00 avg300=0.00 total=1\nfull avg10=99.00\n"),
                   0.125);
  EXPECT_EQ(ParsePressure(""), 0);
  EXPECT_EQ(ParsePressure("some avg10=x"), 0);
}

TEST(HostLoadTest, StalledIsTheTotalOfSome) {
  EXPECT_EQ(ParseStalled("some avg10=1.00 avg60=0.00 avg300=0.00 total=123\nfull avg10=0 total=9\n"), 123u);
  EXPECT_EQ(ParseStalled("full avg10=0 total=9\n"), std::nullopt);
  EXPECT_EQ(ParseStalled("some avg10=0\nfull total=9\n"), std::nullopt);
}

TEST(ProcessorWaitTest, IsAShareOfTheTimeAndNothingWhereTheKernelIsSilent) {
  const TemporaryFolder folder = *TemporaryFolder::Create();
  const std::string file = folder.Path("cpu");
  EXPECT_EQ(ProcessorWait(file).Share(), 0);
  ASSERT_OK(WriteFileAtomic(file, "some avg10=0.00 avg60=0.00 avg300=0.00 total=5\n"));
  const ProcessorWait wait(file);
  EXPECT_EQ(wait.Share(), 0);
  ASSERT_OK(WriteFileAtomic(file, "some avg10=0.00 avg60=0.00 avg300=0.00 total=999999999999\n"));
  EXPECT_EQ(wait.Share(), 1);
  ASSERT_OK(WriteFileAtomic(file, "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n"));
  EXPECT_EQ(wait.Share(), 0) << "a machine that was restarted";
}

class HostLoadMeterTest : public ::testing::Test {
 protected:
  void Write(const std::string& stat, const std::string& memory = "") {
    ASSERT_OK(WriteFileAtomic(sources_.stat, stat));
    ASSERT_OK(WriteFileAtomic(sources_.memory, memory));
  }

  const TemporaryFolder folder_ = *TemporaryFolder::Create();
  const LoadSources sources_{folder_.Path("stat"), folder_.Path("memory"), folder_.Path("pressure")};
};

TEST_F(HostLoadMeterTest, MeasuresBetweenSamples) {
  Write("cpu 100 0 100 1000 0\n");
  HostLoadMeter meter(4, sources_);
  EXPECT_FALSE(meter.Sample()) << "no time has passed";
  Write("cpu 200 0 200 1200 0\n", "MemTotal:       2048 kB\nMemFree: 1 kB\nMemAvailable:    1024 kB\n");
  const auto load = meter.Sample();
  ASSERT_TRUE(load);
  EXPECT_DOUBLE_EQ(load->busy_cpus(), 2.0);
  EXPECT_EQ(load->total_memory(), 2048u << 10);
  EXPECT_EQ(load->available_memory(), 1024u << 10);
  EXPECT_EQ(load->memory_pressure(), 0);
  Write("cpu 200 0 200 1600 0\n");
  EXPECT_DOUBLE_EQ(meter.Sample()->busy_cpus(), 0.0);
}

TEST_F(HostLoadMeterTest, AKernelThatDoesNotSayIsNotGuessed) {
  HostLoadMeter meter(4, sources_);
  EXPECT_FALSE(meter.Sample());
  Write("nonsense");
  EXPECT_FALSE(meter.Sample());
}

TEST(HostLoadTest, ThisMachineHasALoad) {
  HostLoadMeter meter(1);
  std::optional<v1::HostLoad> load;
  for (int i = 0; i < 1000 && !load; ++i) {
    absl::SleepFor(absl::Milliseconds(10));
    load = meter.Sample();
  }
  ASSERT_TRUE(load);
  EXPECT_GE(load->busy_cpus(), 0);
  EXPECT_GT(load->total_memory(), load->available_memory());
}

}  // namespace
}  // namespace crossmill::worker
