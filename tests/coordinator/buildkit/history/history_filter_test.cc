// The cases are those of BuildKit's own test (solver/llbsolver/history/filter_test.go).
#include "coordinator/buildkit/history/history_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace crossmill::coordinator::buildkit {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class HistoryFilterTest : public testing::Test {
 protected:
  HistoryFilterTest() {
    Add("foo123", "testrepo", absl::Hours(24), absl::Hours(23));
    Add("bar456", "testrepo", absl::Hours(24), absl::Hours(24) - absl::Minutes(2))
        .mutable_error()
        ->set_message("x");
    Add("foo789", "", absl::Hours(2), absl::Hours(1)).mutable_error()->set_message("solve: context canceled");
    (*records_.back().mutable_frontendattrs())["context"] = "https://github.com/user/repo.git#main";
    Add("running", "", absl::Hours(1), absl::ZeroDuration());
    records_.back().clear_completedat();
  }

  bk::BuildHistoryRecord& Add(const std::string& ref, const std::string& repository,
                              absl::Duration began_before, absl::Duration ended_before) {
    bk::BuildHistoryRecord& record = records_.emplace_back();
    record.set_ref(ref);
    if (!repository.empty()) (*record.mutable_frontendattrs())["vcs:source"] = repository;
    record.mutable_createdat()->set_seconds(absl::ToUnixSeconds(now_ - began_before));
    record.mutable_completedat()->set_seconds(absl::ToUnixSeconds(now_ - ended_before));
    return record;
  }
  std::vector<std::string> Found(const std::vector<std::string>& texts) {
    const auto filter = HistoryFilter::Parse(texts, now_);
    EXPECT_OK(filter);
    std::vector<std::string> found;
    for (const bk::BuildHistoryRecord& each : records_) {
      if (filter->Matches(each)) found.push_back(each.ref());
    }
    return found;
  }

  const absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  std::vector<bk::BuildHistoryRecord> records_;
};

TEST_F(HistoryFilterTest, FieldsAreComparedAndSearched) {
  EXPECT_THAT(Found({}), testing::SizeIs(4));
  EXPECT_THAT(Found({""}), testing::SizeIs(4));
  EXPECT_THAT(Found({"ref==foo"}), IsEmpty());
  EXPECT_THAT(Found({"ref~=foo"}), ElementsAre("foo123", "foo789"));
  EXPECT_THAT(Found({"ref!=foo123"}), ElementsAre("bar456", "foo789", "running"));
  EXPECT_THAT(Found({"repository!=testrepo"}), ElementsAre("foo789", "running"));
  EXPECT_THAT(Found({"repository==https://github.com/user/repo.git"}), ElementsAre("foo789"));
  EXPECT_THAT(Found({"repository"}), ElementsAre("foo123", "bar456", "foo789"));
  EXPECT_THAT(Found({"status==error"}), ElementsAre("bar456"));
  EXPECT_THAT(Found({"status==canceled"}), ElementsAre("foo789"));
  EXPECT_THAT(Found({"status==\"running\""}), ElementsAre("running"));
  EXPECT_THAT(Found({"status==completed"}), ElementsAre("foo123"));
}

TEST_F(HistoryFilterTest, TimesAreCountedFromNow) {
  EXPECT_THAT(Found({"completedAt>23h30m"}), ElementsAre("foo123", "foo789"));
  EXPECT_THAT(Found({"startedAt<23h"}), ElementsAre("foo123", "bar456"));
  EXPECT_THAT(Found({"startedAt<=24h"}), ElementsAre("foo123", "bar456"));
  EXPECT_THAT(Found({"startedAt<24h"}), IsEmpty());
  EXPECT_THAT(Found({"duration>5m"}), ElementsAre("foo123", "foo789"));
  EXPECT_THAT(Found({"startedAt>2023-11-14T20:00:00Z"}), ElementsAre("foo789", "running"));
}

TEST_F(HistoryFilterTest, CommasJoinAndTextsAreAlternatives) {
  EXPECT_THAT(Found({"repository!=testrepo,ref~=foo"}), ElementsAre("foo789"));
  EXPECT_THAT(Found({"status==error", "status==running"}), ElementsAre("bar456", "running"));
}

TEST_F(HistoryFilterTest, WhatMeansNothingIsNamed) {
  for (const std::string text :
       {"ref+foo", "colour==red", "duration>soon", "startedAt>yesterday", "ref~=("}) {
    const auto filter = HistoryFilter::Parse({text}, now_);
    EXPECT_TRUE(absl::IsInvalidArgument(filter.status())) << text;
    EXPECT_THAT(std::string(filter.status().message()), testing::HasSubstr(text));
  }
  EXPECT_FALSE(HistoryFilter::Parse(std::vector<std::string>(101, "ref"), now_).ok());
}

}  // namespace
}  // namespace crossmill::coordinator::buildkit
