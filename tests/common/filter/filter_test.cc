#include "common/filter/filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "absl/time/time.h"
#include "crossmill/v1/build.pb.h"
#include "tests/support/status_matchers.h"

namespace crossmill::filter {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kDay = 86'400 * kSecond;
// 2026-11-27T12:00:00Z
constexpr int64_t kNow = int64_t{1'795'780'800} * kSecond;

std::vector<Term> Terms(std::string_view text) {
  const auto filter = ParseFilter(text, kNow);
  EXPECT_TRUE(filter.ok()) << text << ": " << filter.status();
  return filter.ok() ? filter->terms : std::vector<Term>();
}

Term Only(std::string_view text) {
  const std::vector<Term> terms = Terms(text);
  EXPECT_THAT(terms, SizeIs(1)) << text;
  return terms.empty() ? Term() : terms.front();
}

std::string ErrorOf(std::string_view text) {
  const auto filter = ParseFilter(text, kNow);
  EXPECT_EQ(filter.status().code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(filter.status().message());
}

TEST(FilterTest, EmptyTextAsksForAll) {
  EXPECT_THAT(Terms(""), SizeIs(0));
  EXPECT_THAT(Terms(" \t\n "), SizeIs(0));
}

TEST(FilterTest, WordsBecomeTermsInTheirOrder) {
  const std::vector<Term> terms = Terms("status:failed  platform:linux/arm64 since:7d -label:team=shop Exit");
  ASSERT_THAT(terms, SizeIs(5));
  EXPECT_EQ(terms[0].field, Field::kStatus);
  EXPECT_THAT(terms[0].numbers, ElementsAre(v1::BUILD_STATUS_FAILED));
  EXPECT_EQ(terms[1].field, Field::kPlatform);
  EXPECT_THAT(terms[1].texts, ElementsAre("linux/arm64"));
  EXPECT_EQ(terms[2].field, Field::kTime);
  EXPECT_EQ(terms[2].from, kNow - 7 * kDay);
  EXPECT_FALSE(terms[2].negated);
  EXPECT_EQ(terms[3].field, Field::kLabel);
  EXPECT_TRUE(terms[3].negated);
  EXPECT_THAT(terms[3].texts, ElementsAre("team=shop"));
  EXPECT_EQ(terms[4].field, Field::kText);
  EXPECT_THAT(terms[4].texts, ElementsAre("exit"));
}

TEST(FilterTest, AFieldTakesAnyOfSeveralValues) {
  EXPECT_THAT(
      Only("status:running,queued,infrastructure").numbers,
      ElementsAre(v1::BUILD_STATUS_RUNNING, v1::BUILD_STATUS_QUEUED, v1::BUILD_STATUS_INFRASTRUCTURE_FAILED));
  EXPECT_THAT(Only("verdict:flaky,input-drift").numbers,
              ElementsAre(v1::VERDICT_FLAKY, v1::VERDICT_INPUT_DRIFT));
  EXPECT_THAT(Only("build:412,7").numbers, ElementsAre(412, 7));
  EXPECT_THAT(Only("IMAGE:Shop-API,other").texts, ElementsAre("shop-api", "other"));
  EXPECT_THAT(Only("one,two").texts, ElementsAre("one,two")) << "a plain word is one text";
}

TEST(FilterTest, EveryStatusAndVerdictHasItsWord) {
  EXPECT_THAT(
      Only("status:planning,queued,running,succeeded,failed,cancelled,infrastructure-failed,timed-out")
          .numbers,
      ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
  EXPECT_THAT(
      Only("verdict:reproducible,unreproducible,unverified,input-drift,flaky,failed,inconclusive").numbers,
      ElementsAre(1, 2, 3, 4, 5, 6, 7));
}

TEST(FilterTest, PlatformsAreWrittenAsTheRecordHasThem) {
  EXPECT_THAT(Only("platform:aarch64,x86_64,ARM").texts,
              ElementsAre("linux/arm64", "linux/amd64", "linux/arm/v7"));
}

TEST(FilterTest, QuotesKeepBlanksAndCommasAndColons) {
  EXPECT_THAT(Only("\"exit code: 1, again\"").texts, ElementsAre("exit code: 1, again"));
  EXPECT_THAT(Only("-\"status:failed\"").texts, ElementsAre("status:failed"));
  EXPECT_THAT(Only("label:\"a=b c\",\"d,e\"").texts, ElementsAre("a=b c", "d,e"));
  EXPECT_THAT(Only("\"say \\\"hi\\\" \\\\ \"").texts, ElementsAre("say \"hi\" \\ "));
  EXPECT_THAT(Only("\"two\nlines\"").texts, ElementsAre("two lines"));
}

TEST(FilterTest, TimesAreSpansOrDates) {
  EXPECT_EQ(Only("until:1h").below, kNow - 3600 * kSecond + 1);
  EXPECT_EQ(Only("before:1h").below, kNow - 3600 * kSecond);
  const int64_t day = kNow - 12 * 3600 * kSecond;
  EXPECT_EQ(Only("since:2026-11-27").from, day);
  EXPECT_EQ(Only("before:2026-11-27").below, day);
  EXPECT_EQ(Only("until:2026-11-27").below, day + kDay) << "the whole day";
  EXPECT_EQ(Only("since:2026-11-27T13:00+01:00").from, kNow);
  EXPECT_EQ(Only("since:2026-11-27T12:00:05Z").from, kNow + 5 * kSecond);
  EXPECT_EQ(Only("until:2026-11-27T12:00").below, kNow + 60 * kSecond);
}

TEST(FilterTest, DurationsAreLongerOrShorter) {
  EXPECT_EQ(Only("duration>30s").from, 30 * kSecond + 1);
  EXPECT_EQ(Only("duration<5m").below, 300 * kSecond);
}

TEST(FilterTest, ErrorsSayTheWordAndWhatIsAllowed) {
  EXPECT_EQ(ErrorOf("shop stauts:failed"),
            "filter: 'stauts:failed': there is no field 'stauts'; fields are status, verdict, platform, name "
            "(image, tag), label, target, build (id), since, until, before, duration; to look for it as text "
            "put it "
            "into quotes");
  EXPECT_EQ(ErrorOf("status:broken"),
            "filter: 'status:broken': 'broken' is no status; expected planning, queued, running, succeeded, "
            "failed, "
            "cancelled, infrastructure-failed, timed-out");
  EXPECT_THAT(ErrorOf("-verdict:good"), AllOf(HasSubstr("'-verdict:good'"), HasSubstr("input-drift")));
  EXPECT_THAT(ErrorOf("platform:"), HasSubstr("'platform:': a value is missing behind 'platform:'"));
  EXPECT_THAT(ErrorOf("status:failed,"), HasSubstr("a value is missing"));
  EXPECT_THAT(ErrorOf("platform:linux/nothing/at/all"), HasSubstr("'platform:linux/nothing/at/all'"));
  EXPECT_THAT(ErrorOf("status>failed"), HasSubstr("'>' is only for duration; expected status:VALUE"));
  EXPECT_THAT(ErrorOf("duration:30s"), HasSubstr("expected duration>30s or duration<5m"));
  EXPECT_THAT(ErrorOf("duration>soon"), HasSubstr("'soon' is no span of time"));
  EXPECT_THAT(ErrorOf("since:yesterday"), HasSubstr("'yesterday' is no time; expected a span before now"));
  EXPECT_THAT(ErrorOf("since:2026-02-30"), HasSubstr("'2026-02-30' is no date"));
  EXPECT_THAT(ErrorOf("since:1d,2d"), HasSubstr("it takes one value"));
  EXPECT_THAT(ErrorOf("build:x"), HasSubstr("'x' is no number of a build"));
  EXPECT_THAT(ErrorOf("build:0"), HasSubstr("'0' is no number of a build"));
  EXPECT_THAT(ErrorOf("submitter:me"), HasSubstr("does not hold who submitted"));
  EXPECT_THAT(ErrorOf("a -"), HasSubstr("'-': nothing is behind the minus"));
  EXPECT_THAT(ErrorOf("\"\""), HasSubstr("nothing is in the quotes"));
  EXPECT_THAT(ErrorOf("a \"b c"), HasSubstr("'\"b c': the closing quote is missing"));
  EXPECT_THAT(ErrorOf("\"a\"b"), HasSubstr("there is more behind a quoted value"));
  EXPECT_THAT(ErrorOf("a\"b"), HasSubstr("a quote is in the middle"));
  EXPECT_THAT(ErrorOf("\"a\\n\""), HasSubstr("a backslash in quotes"));
  EXPECT_THAT(ErrorOf(std::string_view("a\0b", 3)), HasSubstr("control character"));
}

TEST(FilterTest, ItIsBounded) {
  EXPECT_THAT(ErrorOf(std::string(2001, 'a')), HasSubstr("longer than 2000 bytes"));
  std::string words, values = "build:1";
  for (int i = 0; i < 33; ++i) words += "a ";
  for (int i = 0; i < 32; ++i) values += ",1";
  EXPECT_THAT(ErrorOf(words), HasSubstr("more than 32 words"));
  EXPECT_THAT(ErrorOf(values), HasSubstr("more than 32 values"));
}

// Any text is a filter or an error that says something; what it gives is bounded and has no separators of the
// record.
TEST(FilterTest, OddInputGivesTermsOrAnError) {
  const std::vector<std::string> pieces = {
      "status", "verdict", "platform:", "since:", "until:", "duration",
      ":",      ">",       "<",         ",",      "\"",     "\\",
      "-",      " ",       "\n",        "\t",     "7d",     "2026-11-",
      "27",     "T1",      "é",         "\xff",   "#",      "failed",
      "linux/", "arm64",   "=",         "label:", "build:", "999999999999999999999",
      "Z",      "+01:00",  "%",         "'"};
  std::mt19937 random(27'11'2026);
  int read = 0;
  for (int i = 0; i < 50'000; ++i) {
    std::string text;
    for (size_t count = random() % 9; count > 0; --count) text += pieces[random() % pieces.size()];
    const auto filter = ParseFilter(text, kNow);
    if (!filter.ok()) {
      EXPECT_EQ(filter.status().code(), absl::StatusCode::kInvalidArgument);
      EXPECT_THAT(std::string(filter.status().message()), HasSubstr("filter: ")) << text;
      continue;
    }
    ++read;
    for (const Term& term : filter->terms) {
      const bool timed = term.field == Field::kTime || term.field == Field::kDuration;
      EXPECT_EQ(timed, term.texts.empty() && term.numbers.empty()) << text;
      for (const std::string& value : term.texts) {
        EXPECT_FALSE(value.empty()) << text;
        EXPECT_EQ(value.find_first_of("\t\n\r"), std::string::npos) << text;
      }
    }
  }
  EXPECT_GT(read, 1000);
}

}  // namespace
}  // namespace crossmill::filter
