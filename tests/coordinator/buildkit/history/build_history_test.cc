#include "coordinator/buildkit/history/build_history.h"

#include <gtest/gtest.h>

#include <thread>

#include "common/base/files.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator::buildkit {
namespace {

v1::KeptClientBuild Kept(const std::string& reference, bool ended, const std::string& project = "shop") {
  bk::BuildHistoryRecord record;
  record.set_ref(reference);
  if (ended) record.mutable_completedat()->set_seconds(1);
  v1::KeptClientBuild build;
  build.set_record(record.SerializeAsString());
  build.set_caller("a");
  build.set_project(project);
  return build;
}

std::vector<std::string> References(const std::vector<v1::KeptClientBuild>& builds) {
  std::vector<std::string> references;
  for (const v1::KeptClientBuild& build : builds) {
    bk::BuildHistoryRecord record;
    record.ParseFromString(build.record());
    references.push_back(record.ref());
  }
  return references;
}

using Names = std::vector<std::string>;

TEST(BuildHistoryTest, ABuildIsThereOnceWhenItBeganAndEnded) {
  const auto history = BuildHistory::Open("");
  history->Tell(Kept("r1", false));
  EXPECT_EQ(References(history->List(core::Scope::OfFarm(), true, "")), Names{"r1"});
  history->Tell(Kept("r1", true));
  EXPECT_TRUE(history->List(core::Scope::OfFarm(), true, "").empty());
  EXPECT_EQ(References(history->List(core::Scope::OfFarm(), false, "")), Names{"r1"});
}

TEST(BuildHistoryTest, AProjectSeesItsOwn) {
  const auto history = BuildHistory::Open("");
  history->Tell(Kept("r1", true, "shop"));
  history->Tell(Kept("r2", true, "bank"));
  EXPECT_EQ(References(history->List(core::Scope::OfProject("bank"), false, "")), Names{"r2"});
  EXPECT_TRUE(absl::IsNotFound(history->Find(core::Scope::OfProject("bank"), "r1").status()));
  EXPECT_TRUE(absl::IsNotFound(history->Delete(core::Scope::OfProject("bank"), "r1")));
}

TEST(BuildHistoryTest, TheFileIsReadAgain) {
  const auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  const std::string path = folder->Path("history");
  {
    const auto history = BuildHistory::Open(path);
    history->Tell(Kept("r1", true));
    history->Tell(Kept("r2", false));
    history->Tell(Kept("r3", true));
    ASSERT_OK(history->Delete(core::Scope::OfFarm(), "r1"));
    ASSERT_OK(history->SetPinned(core::Scope::OfFarm(), "r3", true));
  }
  const auto history = BuildHistory::Open(path);
  const auto builds = history->List(core::Scope::OfFarm(), false, "");
  // What ran when the coordinator ended is no build that ended.
  EXPECT_EQ(References(builds), Names{"r3"});
  bk::BuildHistoryRecord record;
  ASSERT_TRUE(record.ParseFromString(builds[0].record()));
  EXPECT_TRUE(record.pinned());
}

TEST(BuildHistoryTest, AFileThatIsNoneIsLeftOutOfAccount) {
  const auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  ASSERT_OK(WriteFileAtomic(folder->Path("history"), "\xff\xff\xff"));
  EXPECT_TRUE(BuildHistory::Open(folder->Path("history"))->List(core::Scope::OfFarm(), false, "").empty());
}

TEST(BuildHistoryTest, TheOldestAreForgotten) {
  const auto history = BuildHistory::Open("", 2);
  for (const char* reference : {"r1", "r2", "r3"}) history->Tell(Kept(reference, true));
  EXPECT_EQ(References(history->List(core::Scope::OfFarm(), false, "")), (Names{"r2", "r3"}));
}

TEST(BuildHistoryTest, WhoListensIsToldWhatComes) {
  const auto history = BuildHistory::Open("");
  history->Tell(Kept("r1", true));
  int64_t place = history->place();
  std::jthread later([&] { history->Tell(Kept("r2", false)); });
  EXPECT_EQ(References(history->Next(&place, {})), Names{"r2"});
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(history->Next(&place, stop.get_token()).empty());
}

TEST(BuildHistoryTest, ARunningBuildIsNotDeleted) {
  const auto history = BuildHistory::Open("");
  history->Tell(Kept("r1", false));
  EXPECT_TRUE(absl::IsFailedPrecondition(history->Delete(core::Scope::OfFarm(), "r1")));
}

TEST(BuildHistoryTest, ValuesOfArgumentsAreNotKept) {
  std::map<std::string, std::string> given = {
      {"build-arg:TOKEN", "secret"}, {"target", "app"}, {"long", std::string(5000, 'x')}};
  for (int i = 0; i < 1000; ++i) given["z" + std::to_string(i)] = "v";
  const auto shown = ShownAttributes(given);
  EXPECT_EQ(shown.at("build-arg:TOKEN"), "***");
  EXPECT_EQ(shown.at("target"), "app");
  EXPECT_EQ(shown.at("long").size(), 1000u);
  EXPECT_EQ(shown.size(), 200u);
}

}  // namespace
}  // namespace crossmill::coordinator::buildkit
