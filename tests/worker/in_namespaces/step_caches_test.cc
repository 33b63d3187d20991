// Cache mounts of RUN for real: what is kept, for whom, and who waits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/worker/in_namespaces/step_mounts_fixture.h"

namespace crossmill::worker {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StepCachesTest : public StepMountsTest {};

TEST_P(StepCachesTest, MountBelowACacheLeavesNothingInIt) {
  v1::Step step = Step("ls /c/sub");
  Add(step, v1::RunMount::TYPE_CACHE, "/c").set_id("c");
  AddFolder(step, "/c/sub", {{"x", ""}});
  EXPECT_EQ(Succeed(step).out, "x\n");
  step = Step("ls /c");
  Add(step, v1::RunMount::TYPE_CACHE, "/c").set_id("c");
  EXPECT_EQ(Succeed(step).out, "");
}

TEST_P(StepCachesTest, CacheIsKeptBetweenStepsAndWorkers) {
  v1::Step step = Step("stat -c '%a %u:%g' /c; cat /c/x; echo kept >> /c/x");
  v1::RunMount& cache = Add(step, v1::RunMount::TYPE_CACHE, "/c");
  cache.set_id("c");
  cache.set_mode(0700);
  cache.set_uid(12);
  cache.set_gid(34);
  EXPECT_EQ(Succeed(step).out, "700 12:34\n");
  EXPECT_EQ(Succeed(step).out, "700 12:34\nkept\n");
  OpenStore();
  const Executed executed = Succeed(step);
  EXPECT_EQ(executed.out, "700 12:34\nkept\nkept\n");
  EXPECT_THAT(Layer(executed), IsEmpty());
}

TEST_P(StepCachesTest, NewCacheBeginsWithItsSource) {
  v1::Step step = Step("ls /c; touch /c/own");
  v1::RunMount& cache = Add(step, v1::RunMount::TYPE_CACHE, "/c");
  cache.set_id("seeded");
  v1::ContextMatch& match = *cache.mutable_source()->mutable_context()->add_matches();
  match.set_name("x");
  ToProto(Folder({{"seed", ""}}), match.mutable_directory());
  EXPECT_EQ(Succeed(step).out, "seed\n");
  EXPECT_EQ(Succeed(step).out, "own\nseed\n");
}

TEST_P(StepCachesTest, NewCacheHasModeAndOwnerOfItsSource) {
  // A folder of another stage, which is not root's.
  const Executed producer = Succeed(Step("mkdir -m 1730 /seed; chown 12:34 /seed; touch /seed/a"), {"/seed"});
  ASSERT_EQ(producer.result.exports_size(), 1);
  v1::Step step = Step("stat -c '%a %u:%g' /c; ls /c");
  v1::RunMount& cache = Add(step, v1::RunMount::TYPE_CACHE, "/c");
  cache.set_id("owned");
  cache.set_mode(0755);
  *cache.mutable_source()->mutable_export_()->mutable_blob() = producer.result.exports(0).blob();
  EXPECT_EQ(Succeed(step).out, "1730 12:34\na\n");
}

TEST_P(StepCachesTest, PartOfACacheIsMounted) {
  v1::Step whole = Step("mkdir -m 700 /c/sub; echo in > /c/sub/f; ln -s ../../../../etc /c/out");
  Add(whole, v1::RunMount::TYPE_CACHE, "/c").set_id("parts");
  v1::Step part = Step("stat -c '%a' /p; cat /p/f; echo more >> /p/f");
  v1::RunMount& mount = Add(part, v1::RunMount::TYPE_CACHE, "/p");
  mount.set_id("parts");
  mount.set_cache_path("/sub");
  const Executed missing = Execute(part);
  EXPECT_EQ(missing.result.outcome(), v1::TASK_OUTCOME_FAILED);
  EXPECT_THAT(missing.result.message(), HasSubstr("/p: the cache 'parts' has no /sub"));
  Succeed(whole);
  EXPECT_EQ(Succeed(part).out, "700\nin\n");
  EXPECT_EQ(Succeed(part).out, "700\nin\nmore\n");
  mount.set_cache_path("/sub/f");
  part.mutable_run()->set_argv(2, "cat /p");
  EXPECT_EQ(Succeed(part).out, "in\nmore\nmore\n");
  // A link leads nowhere out of the cache.
  mount.set_cache_path("/out");
  EXPECT_THAT(Execute(part).result.message(), HasSubstr("the cache 'parts' has no /out"));
}

TEST_P(StepCachesTest, BuildWithoutCacheHasFreshCaches) {
  v1::Step step = Step("ls /c; touch /c/x");
  Add(step, v1::RunMount::TYPE_CACHE, "/c").set_id("fresh");
  EXPECT_EQ(Succeed(step).out, "");
  EXPECT_EQ(Succeed(step).out, "x\n");
  fresh_caches_ = "build 7";
  EXPECT_EQ(Succeed(step).out, "");
  EXPECT_EQ(Succeed(step).out, "x\n");
}

// Two steps at the same time, each waiting up to 5 s for the other's file in the cache.
std::pair<Executed, Executed> Meet(
    const std::function<Executed(const std::string&, const std::string&)>& run) {
  std::pair<Executed, Executed> both;
  {
    const std::jthread one([&] { both.first = run("one", "two"); });
    const std::jthread two([&] { both.second = run("two", "one"); });
  }
  return both;
}

TEST_P(StepCachesTest, SharingDecidesWhetherStepsMeetInTheCache) {
  const auto run = [&](v1::RunMount::Sharing sharing, int patience) {
    return Meet([&, sharing, patience](const std::string& own, const std::string& other) {
      v1::Step step = Step(fmt::format(
          "touch /c/{0}; i=0; while [ $i -lt {2} ] && ! [ -e /c/{1} ]; do sleep 0.1; i=$((i+1)); done; "
          "ls /c; rm /c/{0}",
          own, other, patience));
      v1::RunMount& cache = Add(step, v1::RunMount::TYPE_CACHE, "/c");
      cache.set_id("meeting");
      cache.set_sharing(sharing);
      return Succeed(step);
    });
  };
  const auto shared = run(v1::RunMount::SHARING_SHARED, 50);
  EXPECT_THAT(shared.first.out + shared.second.out, HasSubstr("one\ntwo\n"));
  const auto own = run(v1::RunMount::SHARING_PRIVATE, 8);
  EXPECT_EQ(own.first.out, "one\n");
  EXPECT_EQ(own.second.out, "two\n");
  const auto locked = run(v1::RunMount::SHARING_LOCKED, 8);
  EXPECT_EQ(locked.first.out, "one\n");
  EXPECT_EQ(locked.second.out, "two\n");
}

TEST_P(StepCachesTest, LockedCacheIsWaitedForAndTheConsoleSaysSo) {
  std::string worker;
  const auto step = [&](const std::string& script) {
    v1::Step made = Step(script);
    v1::RunMount& cache = Add(made, v1::RunMount::TYPE_CACHE, "/c");
    cache.set_id("apt");
    cache.set_sharing(v1::RunMount::SHARING_LOCKED);
    return made;
  };
  const auto both = Meet([&](const std::string&, const std::string&) {
    return Succeed(step("[ -e /c/busy ] && echo together; touch /c/busy; sleep 0.7; rm /c/busy"));
  });
  EXPECT_EQ(both.first.out + both.second.out, "");
  EXPECT_EQ(both.first.worker + both.second.worker,
            "waiting for the cache 'apt', which another step has locked\n");
}

INSTANTIATE_TEST_SUITE_P(Runtime, StepCachesTest, testing::Values("crun", "runc"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace crossmill::worker
