#include "worker/sandbox/step_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/status.h"
#include "tests/support/status_matchers.h"

namespace crossmill::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class StepLimitsTest : public testing::Test {
 protected:
  void Add(const std::string& name, int64_t soft, int64_t hard) {
    v1::Ulimit& limit = *run_.add_ulimits();
    limit.set_name(name);
    limit.set_soft(soft);
    limit.set_hard(hard);
  }
  std::vector<std::string> Make(bool holds_secrets = false) {
    const std::map<std::string, rlimit, std::less<>> available = {
        {"nofile", {1024, 4096}}, {"core", {0, RLIM_INFINITY}}, {"nproc", {100, 200}}};
    const auto limits = MakeStepLimits(run_, holds_secrets, available);
    EXPECT_OK(limits);
    std::vector<std::string> lines;
    for (const StepLimit& limit : limits->limits) {
      lines.push_back(limit.hard == RLIM_INFINITY
                          ? fmt::format("{} {} -", limit.type, uint64_t{limit.soft})
                          : fmt::format("{} {} {}", limit.type, uint64_t{limit.soft}, uint64_t{limit.hard}));
    }
    warnings_ = limits->warnings;
    return lines;
  }

  v1::Run run_;
  std::vector<std::string> warnings_;
};

TEST_F(StepLimitsTest, WithoutUlimitsFilesAreTheFarmsAndBoundedInSilence) {
  EXPECT_THAT(Make(), ElementsAre("RLIMIT_CORE 0 -", "RLIMIT_NOFILE 1024 4096"));
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(StepLimitsTest, UlimitReplacesTheDefault) {
  Add("nofile", 100, 200);
  Add("nproc", 50, 60);
  EXPECT_THAT(Make(), ElementsAre("RLIMIT_CORE 0 -", "RLIMIT_NOFILE 100 200", "RLIMIT_NPROC 50 60"));
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(StepLimitsTest, MoreThanTheWorkerHasIsLoweredWithAWarning) {
  Add("nproc", -1, -1);
  EXPECT_THAT(Make(), testing::Contains("RLIMIT_NPROC 200 200"));
  EXPECT_THAT(warnings_, ElementsAre("ulimit nproc: unlimited:unlimited lowered to 200:200, the most this "
                                     "worker may give"));
}

TEST_F(StepLimitsTest, StepWithSecretsDumpsNoCore) {
  Add("core", -1, -1);
  EXPECT_THAT(Make(true), testing::Contains("RLIMIT_CORE 0 0"));
  EXPECT_THAT(warnings_, ElementsAre("ulimit core is 0: a core dump could hold the step's secrets"));
}

TEST_F(StepLimitsTest, UnknownLimitIsTheRecipesMistake) {
  Add("cpus", 1, 1);
  EXPECT_TRUE(absl::IsInvalidArgument(MakeStepLimits(run_, false, LimitsOfThisProcess()).status()));
}

}  // namespace
}  // namespace crossmill::worker
