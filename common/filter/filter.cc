#include "common/filter/filter.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/ascii.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/filter/times.h"
#include "common/filter/word.h"
#include "common/words/age.h"
#include "common/words/platform.h"
#include "common/words/words.h"

namespace crossmill::filter {
namespace {

// So that one question stays one: the rest of a page's address is bounded as well.
constexpr size_t kMostBytes = 2000;
constexpr size_t kMostTerms = 32;
constexpr size_t kMostValues = 32;

constexpr std::string_view kFields =
    "status, verdict, platform, name (image, tag), label, target, build (id), since, until, before, duration";

std::string Joined(const std::vector<std::string_view>& words) {
  std::string joined;
  for (const std::string_view word : words) {
    if (!joined.empty()) joined += ", ";
    joined += word;
  }
  return joined;
}

std::vector<std::string_view> StatusWords() {
  std::vector<std::string_view> words;
  for (int number = v1::BUILD_STATUS_PLANNING; number <= v1::BUILD_STATUS_TIMED_OUT; ++number)
    words.push_back(Word(static_cast<v1::BuildStatus>(number)));
  return words;
}

std::vector<std::string_view> VerdictWords() {
  std::vector<std::string_view> words;
  for (int number = v1::Verdict_MIN + 1; number <= v1::Verdict_MAX; ++number)
    words.push_back(Word(static_cast<v1::Verdict>(number)));
  return words;
}

// A word of the filter becomes a term.
class TermReader {
 public:
  TermReader(const RawWord& word, int64_t now_ns) : word_(word), now_(now_ns) {
    term_.negated = word.negated;
  }

  absl::StatusOr<Term> Read() {
    RETURN_IF_ERROR(ReadAny());
    return std::move(term_);
  }

 private:
  absl::Status ReadAny() {
    if (word_.values.size() > kMostValues)
      return Wrong(fmt::format("it has more than {} values", kMostValues));
    const std::string field = Folded(word_.field);
    if (field.empty()) return ReadText();
    if (field == "duration") return ReadDuration();
    if (word_.sign != ':')
      return Wrong(
          fmt::format("'{}' is only for duration; expected {}:VALUE", word_.sign, Printable(word_.field)));
    if (field == "status") return ReadStatus();
    if (field == "verdict") return ReadVerdict();
    if (field == "platform") return ReadPlatforms();
    if (field == "name" || field == "image" || field == "tag") return ReadTexts(Field::kName);
    if (field == "label") return ReadTexts(Field::kLabel);
    if (field == "target") return ReadTexts(Field::kTarget);
    if (field == "build" || field == "id") return ReadBuilds();
    if (field == "since" || field == "until" || field == "before") return ReadTime(field);
    if (field == "submitter")
      return Wrong("the record does not hold who submitted a build; fields are " + std::string(kFields));
    return Wrong(
        fmt::format("there is no field '{}'; fields are {}; to look for it as text put it into quotes",
                    Printable(word_.field), kFields));
  }

  absl::Status ReadText() {
    term_.field = Field::kText;
    term_.texts = {Folded(word_.values.front())};
    return absl::OkStatus();
  }

  absl::Status ReadTexts(Field field) {
    term_.field = field;
    for (const std::string& value : word_.values) term_.texts.push_back(Folded(value));
    return absl::OkStatus();
  }

  absl::Status ReadStatus() {
    term_.field = Field::kStatus;
    const std::vector<std::string_view> words = StatusWords();
    for (const std::string& value : word_.values) {
      // What people say for it.
      const std::string folded = Folded(value) == "infrastructure" ? "infrastructure-failed" : Folded(value);
      const auto found = std::find(words.begin(), words.end(), folded);
      if (found == words.end())
        return Wrong(fmt::format("'{}' is no status; expected {}", Printable(value), Joined(words)));
      term_.numbers.push_back(v1::BUILD_STATUS_PLANNING + (found - words.begin()));
    }
    return absl::OkStatus();
  }

  absl::Status ReadVerdict() {
    term_.field = Field::kVerdict;
    const std::vector<std::string_view> words = VerdictWords();
    for (const std::string& value : word_.values) {
      const auto found = std::find(words.begin(), words.end(), Folded(value));
      if (found == words.end())
        return Wrong(fmt::format("'{}' is no verdict; expected {}", Printable(value), Joined(words)));
      term_.numbers.push_back(v1::Verdict_MIN + 1 + (found - words.begin()));
    }
    return absl::OkStatus();
  }

  absl::Status ReadPlatforms() {
    term_.field = Field::kPlatform;
    for (const std::string& value : word_.values) {
      const absl::StatusOr<v1::Platform> platform = ParsePlatform(Folded(value));
      if (!platform.ok()) return Wrong(Sv(platform.status().message()));
      term_.texts.push_back(FormatPlatform(*platform));
    }
    return absl::OkStatus();
  }

  absl::Status ReadBuilds() {
    term_.field = Field::kBuild;
    for (const std::string& value : word_.values) {
      int64_t number = 0;
      const auto read = std::from_chars(value.data(), value.data() + value.size(), number);
      if (read.ec != std::errc() || read.ptr != value.data() + value.size() || number < 1)
        return Wrong(fmt::format("'{}' is no number of a build; expected one such as 412", Printable(value)));
      term_.numbers.push_back(number);
    }
    return absl::OkStatus();
  }

  absl::Status ReadTime(std::string_view field) {
    term_.field = Field::kTime;
    RETURN_IF_ERROR(OneValue());
    const absl::StatusOr<Moment> moment = ParseMoment(word_.values.front(), now_);
    if (!moment.ok()) return Wrong(Printable(Sv(moment.status().message())));
    if (field == "since") term_.from = moment->begin;
    if (field == "until") term_.below = moment->end;
    if (field == "before") term_.below = moment->begin;
    return absl::OkStatus();
  }

  absl::Status ReadDuration() {
    term_.field = Field::kDuration;
    if (word_.sign == ':') return Wrong("expected duration>30s or duration<5m");
    RETURN_IF_ERROR(OneValue());
    const absl::StatusOr<absl::Duration> length = ParseAge(word_.values.front());
    if (!length.ok()) return Wrong(Printable(Sv(length.status().message())));
    const int64_t nanoseconds = absl::ToInt64Nanoseconds(*length);
    if (word_.sign == '>') term_.from = nanoseconds + 1;
    if (word_.sign == '<') term_.below = nanoseconds;
    return absl::OkStatus();
  }

  absl::Status OneValue() const {
    return word_.values.size() == 1 ? absl::OkStatus() : Wrong("it takes one value");
  }

  absl::Status Wrong(std::string_view why) const {
    return absl::InvalidArgumentError(fmt::format("filter: '{}': {}", Printable(word_.text), why));
  }

  const RawWord& word_;
  const int64_t now_;
  Term term_;
};

}  // namespace

std::string Folded(std::string_view text) { return absl::AsciiStrToLower(Av(text)); }

absl::StatusOr<Filter> ParseFilter(std::string_view text, int64_t now_ns) {
  if (text.size() > kMostBytes)
    return absl::InvalidArgumentError(fmt::format("filter: it is longer than {} bytes", kMostBytes));
  ASSIGN_OR_RETURN(const std::vector<RawWord> words, SplitWords(text));
  if (words.size() > kMostTerms)
    return absl::InvalidArgumentError(fmt::format("filter: it has more than {} words", kMostTerms));
  Filter filter;
  for (const RawWord& word : words) {
    ASSIGN_OR_RETURN(Term term, TermReader(word, now_ns).Read());
    filter.terms.push_back(std::move(term));
  }
  return filter;
}

}  // namespace crossmill::filter
