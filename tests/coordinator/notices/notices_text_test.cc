#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/json.h"
#include "common/base/utf8.h"
#include "common/words/platform.h"
#include "coordinator/notices/atom_feed.h"
#include "coordinator/notices/badge.h"
#include "coordinator/notices/change_text.h"

namespace crossmill::coordinator {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

v1::StateChange Change(int64_t id) {
  v1::StateChange change;
  change.set_id(id);
  change.set_name("team/app");
  *change.mutable_platform() = *ParsePlatform("linux/arm64");
  change.set_build_id(12);
  change.set_changed_at(1'700'000'000'000'000'000);
  change.set_status_before(v1::BUILD_STATUS_SUCCEEDED);
  change.set_status(v1::BUILD_STATUS_FAILED);
  change.set_verdict_before(v1::VERDICT_REPRODUCIBLE);
  change.set_verdict(v1::VERDICT_REPRODUCIBLE);
  change.set_reason("exit code 1");
  return change;
}

v1::NameState State(v1::BuildStatus status, v1::Verdict verdict = v1::VERDICT_UNSPECIFIED) {
  v1::NameState state;
  state.set_status(status);
  state.set_verdict(verdict);
  return state;
}

TEST(ChangeTextTest, OnlyWhatChangedIsInTheTitle) {
  v1::StateChange change = Change(1);
  EXPECT_EQ(ChangeTitle(change), "team/app linux/arm64: succeeded → failed");
  change.set_verdict_before(v1::VERDICT_UNSPECIFIED);
  EXPECT_EQ(ChangeTitle(change), "team/app linux/arm64: succeeded → failed, reproducible");
  change.set_status(v1::BUILD_STATUS_SUCCEEDED);
  EXPECT_EQ(ChangeTitle(change), "team/app linux/arm64: reproducible");
}

TEST(ChangeTextTest, TheBodyOfAWebhook) {
  v1::StateChange change = Change(7);
  change.set_verdict_before(v1::VERDICT_UNSPECIFIED);
  change.set_verdict(v1::VERDICT_UNSPECIFIED);
  const Json body = Json::parse(WebhookBody(change, "f00d"));
  EXPECT_EQ(body["type"], "state.changed");
  EXPECT_EQ(body["timestamp"], "2023-11-14T22:13:20Z");
  EXPECT_EQ(body["data"], Json::parse(R"({"farm": "f00d", "change": 7, "name": "team/app",
      "platform": "linux/arm64", "build": 12, "status": "failed", "status_before": "succeeded",
      "verdict": null, "verdict_before": null, "reason": "exit code 1"})"));
  EXPECT_EQ(WebhookBody(change, "f00d"), WebhookBody(change, "f00d"));
}

TEST(BadgeTest, TheWorstPlatformAndHowMany) {
  const auto text = [](BadgeKind kind, const std::vector<v1::NameState>& states) {
    return BadgeOf(kind, states, "").text;
  };
  const v1::NameState good = State(v1::BUILD_STATUS_SUCCEEDED, v1::VERDICT_REPRODUCIBLE);
  const v1::NameState bad = State(v1::BUILD_STATUS_FAILED, v1::VERDICT_UNREPRODUCIBLE);
  const v1::NameState unknown = State(v1::BUILD_STATUS_UNSPECIFIED);
  EXPECT_EQ(text(BadgeKind::kBuild, {}), "unknown");
  EXPECT_EQ(text(BadgeKind::kBuild, {good, good}), "passing");
  EXPECT_EQ(text(BadgeKind::kBuild, {good, bad, good}), "failed 1/3");
  EXPECT_EQ(text(BadgeKind::kVerdict, {good, unknown}), "unverified 1/2");
  EXPECT_EQ(text(BadgeKind::kVerdict, {bad, unknown, good}), "not reproducible 1/3");
  EXPECT_EQ(text(BadgeKind::kVerdict, {good}), "reproducible");
  EXPECT_EQ(BadgeOf(BadgeKind::kVerdict, {good}, "linux/arm64").label, "verdict linux/arm64");
  EXPECT_NE(BadgeOf(BadgeKind::kBuild, {good}, "").colour, BadgeOf(BadgeKind::kBuild, {bad}, "").colour);
}

TEST(BadgeTest, EverythingInItIsEscapedAndNothingIsFetched) {
  const std::string svg = BadgeSvg({"<script>", "a & \"b\" 'c'\x01\xff", "#123456"});
  EXPECT_THAT(svg, HasSubstr("&lt;script&gt;"));
  EXPECT_THAT(svg, HasSubstr("a &amp; &quot;b&quot; &#39;c&#39;"));
  EXPECT_THAT(svg, Not(HasSubstr("<script")));
  EXPECT_THAT(svg, Not(HasSubstr("\x01")));
  EXPECT_THAT(svg, Not(HasSubstr("\xff")));
  EXPECT_THAT(svg, Not(HasSubstr("href")));
  EXPECT_THAT(svg, Not(HasSubstr("style")));
  EXPECT_THAT(svg, Not(HasSubstr("url(")));
}

TEST(EscapeXmlTest, WhatXmlForbidsIsReplaced) {
  EXPECT_EQ(EscapeXml("a\tb\nc"), "a\tb\nc");
  EXPECT_EQ(EscapeXml(std::string("a\0b", 3)),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(EscapeXml("\xef\xbf\xbf!"), "\xef\xbf\xbd!");
  EXPECT_EQ(EscapeXml("\xef\xbf\xbd"), "\xef\xbf\xbd");
  EXPECT_EQ(EscapeXml("é→"), "é→");
}

TEST(AtomFeedTest, IdsAreTheFarmsAndStayWhereverItIs) {
  v1::ListStateChangesResponse changes;
  changes.set_farm_id("0123456789abcdef");
  changes.set_farm_since("2026-01-02");
  *changes.add_changes() = Change(5);
  const std::string feed = AtomFeed(changes, {"http://a", "/api/v1/feed?name=x&y=z", "team/app", ""});
  EXPECT_THAT(feed, HasSubstr("<id>tag:0123456789abcdef.farm.crossmill.invalid,2026-01-02:change-5</id>"));
  EXPECT_THAT(feed, HasSubstr("<updated>2023-11-14T22:13:20Z</updated>"));
  EXPECT_THAT(feed, HasSubstr("href=\"http://a/api/v1/feed?name=x&amp;y=z\""));
  EXPECT_THAT(feed, HasSubstr("href=\"http://a/#builds/12\""));
  EXPECT_THAT(feed, HasSubstr("<title>team/app linux/arm64: succeeded → failed</title>"));
  const std::string elsewhere = AtomFeed(changes, {"https://b", "/api/v1/feed", "team/app", ""});
  const auto id = [](const std::string& text) {
    const size_t begin = text.find("<id>");
    return text.substr(begin, text.find("</id>") - begin);
  };
  EXPECT_EQ(id(feed), id(elsewhere));
  EXPECT_NE(id(feed), id(AtomFeed(changes, {"http://a", "/api/v1/feed", "other", ""})));
  EXPECT_NE(id(feed), id(AtomFeed(changes, {"http://a", "/api/v1/feed", "", ""})));
}

TEST(AtomFeedTest, AnEmptyOneIsValid) {
  v1::ListStateChangesResponse changes;
  changes.set_farm_id("0123456789abcdef");
  changes.set_farm_since("2026-01-02");
  const std::string feed = AtomFeed(changes, {"http://a", "/api/v1/feed", "<name>", ""});
  EXPECT_THAT(feed, HasSubstr("<updated>2026-01-02T00:00:00Z</updated>"));
  EXPECT_THAT(feed, HasSubstr("changes of &lt;name&gt;"));
  EXPECT_THAT(feed, Not(HasSubstr("<entry>")));
}

}  // namespace
}  // namespace crossmill::coordinator
