#include "cli/images/config_changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace crossmill::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Told(const std::string& first, const std::string& second) {
  const auto ours = ParseJson(first);
  const auto theirs = ParseJson(second);
  EXPECT_OK(ours);
  EXPECT_OK(theirs);
  std::vector<std::string> told;
  for (const FieldChange& change : CompareConfigs(*ours, *theirs))
    told.push_back(change.field + ": " + WriteJson(change.first) + " " + WriteJson(change.second));
  return told;
}

TEST(ConfigChangesTest, NothingIsToldOfWhatIsEqualAndOfLayers) {
  EXPECT_THAT(
      Told(R"({"os":"linux","rootfs":{"diff_ids":["a"]}})", R"({"os":"linux","rootfs":{"diff_ids":["b"]}})"),
      IsEmpty());
}

TEST(ConfigChangesTest, MembersAreNamedHoweverDeepTheyAre) {
  EXPECT_THAT(Told(R"({"config":{"Labels":{"a":"1","b":"2"},"Cmd":["x"]},"created":"2001"})",
                   R"({"config":{"Labels":{"a":"1","b":"3","c":"4"},"Cmd":["x","y"]}})"),
              ElementsAre(R"(config.Cmd: ["x"] ["x","y"])", R"(config.Labels.b: "2" "3")",
                          R"(config.Labels.c: null "4")", R"(created: "2001" null)"));
}

TEST(ConfigChangesTest, AnEmptyMemberIsNotOneThatIsMissing) {
  EXPECT_THAT(Told(R"({"config":{"Labels":{}}})", R"({"config":{}})"), ElementsAre("config.Labels: {} null"));
  EXPECT_THAT(Told(R"({"config":{"Volumes":{"/a":{}}}})", R"({"config":{}})"),
              ElementsAre("config.Volumes./a: {} null"));
}

TEST(ConfigChangesTest, VariablesAreComparedByNameAndThenByOrder) {
  EXPECT_THAT(
      Told(R"({"config":{"Env":["PATH=/bin","A=1","GONE=x"]}})", R"({"config":{"Env":["A=2","PATH=/bin"]}})"),
      ElementsAre(R"(config.Env.A: "1" "2")", R"(config.Env.GONE: "x" null)"));
  EXPECT_THAT(Told(R"({"config":{"Env":["A=1","B=2"]}})", R"({"config":{"Env":["B=2","A=1"]}})"),
              ElementsAre(R"(config.Env: ["A=1","B=2"] ["B=2","A=1"])"));
  EXPECT_THAT(Told(R"({"config":{"Env":["A=1"]}})", R"({"config":{"Env":null}})"),
              ElementsAre(R"(config.Env.A: "1" null)"));
  EXPECT_THAT(Told(R"({"config":{"Env":[1]}})", R"({"config":{"Env":["A=1"]}})"),
              ElementsAre(R"(config.Env: [1] ["A=1"])"));
}

TEST(ConfigChangesTest, HistoryIsComparedEntryByEntry) {
  EXPECT_THAT(Told(R"({"history":[{"created_by":"a"},{"created_by":"b"}]})",
                   R"({"history":[{"created_by":"a"},{"created_by":"c"},{"created_by":"d"}]})"),
              ElementsAre(R"(history[1].created_by: "b" "c")", R"(history[2]: null {"created_by":"d"})"));
}

TEST(ConfigChangesTest, DocumentsOfAnyFormAreToldWhole) {
  EXPECT_THAT(Told("[1]", R"({"a":1})"), ElementsAre(R"(: [1] {"a":1})"));
}

}  // namespace
}  // namespace crossmill::cli
