#include "coordinator/retention/policies.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/words/age.h"
#include "common/words/size.h"

namespace crossmill::coordinator {
namespace {

constexpr int64_t kMinute = 60;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;

constexpr std::array<PolicyRule, kPolicies> kRules = {{
    {Policy::kBlobsBudget, "blobs.budget", PolicyKind::kBytes, kNoLimit, int64_t{1} << 20, "auto",
     "room for blobs on disk; beyond it the least recently used go that nothing needs (auto: four fifths of "
     "the disk, less what is kept free)"},
    {Policy::kBlobsGrace, "blobs.grace", PolicyKind::kAge, kHour, 5, "",
     "how long a blob stays after it was used last, whatever the budget"},
    {Policy::kBucketBudget, "bucket.budget", PolicyKind::kBytes, kNoLimit, int64_t{1} << 20, "none",
     "room for blobs in the bucket behind the disk; beyond it the least recently used go that nothing needs"},
    {Policy::kBucketUnused, "bucket.unused", PolicyKind::kAge, 90 * kDay, kMinute, "forever",
     "blobs in the bucket that nothing needs, after they were used last"},
    {Policy::kImagesKeepPerName, "images.keep-per-name", PolicyKind::kCount, 100, 1, "all",
     "images that builds or imports named, of each name without its tag: the newest"},
    {Policy::kImagesPulled, "images.pulled", PolicyKind::kAge, 30 * kDay, kHour, "forever",
     "images that a registry gave, after they were used last; they are pulled again when they are wanted"},
    {Policy::kDamagedKeep, "damaged.keep", PolicyKind::kAge, 30 * kDay, kHour, "forever",
     "files of blobs that did not have their digest"},
    {Policy::kLogsCompressAfter, "logs.compress-after", PolicyKind::kAge, kHour, 1, "forever",
     "consoles are kept as they came; then compressed"},
    {Policy::kLogsKeep, "logs.keep", PolicyKind::kAge, 90 * kDay, kMinute, "forever",
     "consoles of steps that succeeded"},
    {Policy::kLogsKeepFailed, "logs.keep-failed", PolicyKind::kAge, 365 * kDay, kMinute, "forever",
     "consoles of steps that failed, and of the first bad build after a good one of its recipe"},
    {Policy::kEventsKeep, "events.keep", PolicyKind::kAge, 90 * kDay, kMinute, "forever",
     "the event log of ended builds; results, packages and verdicts stay for ever"},
    {Policy::kPagesKeep, "pages.keep", PolicyKind::kAge, 90 * kDay, kHour, "forever",
     "what is known of pages of package indexes, after they were saved or used last"},
    {Policy::kFetchedKeep, "fetched.keep", PolicyKind::kAge, 90 * kDay, kHour, "forever",
     "what is known of files and commits that ADD fetched, after they were used last"},
    {Policy::kExportsKeep, "exports.keep", PolicyKind::kAge, 90 * kDay, kHour, "forever",
     "what is known of files that other stages copy, after they were used last"},
    {Policy::kCompressedKeep, "compressed.keep", PolicyKind::kAge, 90 * kDay, kHour, "forever",
     "what is known of compressed forms of layers, after they were used last"},
    {Policy::kUnpackedKeep, "unpacked.keep", PolicyKind::kAge, 90 * kDay, kHour, "forever",
     "what is known of unpacked images, after they were used last; not of those that have a name"},
    {Policy::kWheelsKeep, "wheels.keep", PolicyKind::kAge, 365 * kDay, kHour, "forever",
     "wheels that the farm compiled, after they were compiled, offered or used last"},
    {Policy::kStatementsKeep, "statements.keep", PolicyKind::kAge, 1825 * kDay, kDay, "forever",
     "what workers signed about executions whose layers nothing needs, after the step ended"},
    {Policy::kBackupWarnAfter, "backup.warn-after", PolicyKind::kAge, 2 * kDay, kMinute, "never",
     "how old the newest backup may be before `crossmill doctor` and the alert rule warn; it removes "
     "nothing"},
}};

std::string Allowed(const PolicyRule& rule) {
  const std::string or_none = rule.no_limit.empty() ? "" : fmt::format(", or {}", rule.no_limit);
  const std::string least = PolicyText(rule, rule.least);
  switch (rule.kind) {
    case PolicyKind::kBytes:
      return fmt::format("a size such as 500M, 200G or 2T, at least {}{}", least, or_none);
    case PolicyKind::kAge:
      return fmt::format("a span of time such as 30m, 12h, 7d or 4w, at least {}{}", least, or_none);
    case PolicyKind::kCount:
      return fmt::format("a number, at least {}{}", least, or_none);
  }
  return "";
}

absl::StatusOr<int64_t> ParseCount(std::string_view text) {
  int64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size())
    return absl::InvalidArgumentError("no number");
  return number;
}

absl::StatusOr<int64_t> ParseValue(const PolicyRule& rule, std::string_view text) {
  if (!rule.no_limit.empty() && text == rule.no_limit) return kNoLimit;
  switch (rule.kind) {
    case PolicyKind::kBytes:
      return ParseSize(text);
    case PolicyKind::kAge: {
      ASSIGN_OR_RETURN(const absl::Duration age, ParseAge(text));
      return absl::ToInt64Seconds(age);
    }
    case PolicyKind::kCount:
      return ParseCount(text);
  }
  return absl::InternalError("a policy of no kind");
}

}  // namespace

absl::Span<const PolicyRule> PolicyRules() { return kRules; }

const PolicyRule& RuleOf(Policy policy) { return kRules[static_cast<size_t>(policy)]; }

absl::StatusOr<const PolicyRule*> FindPolicy(std::string_view name) {
  std::vector<std::string> names;
  for (const PolicyRule& rule : kRules) {
    if (rule.name == name) return &rule;
    names.emplace_back(rule.name);
  }
  return absl::InvalidArgumentError(
      fmt::format("there is no policy \"{}\"; there are {}", Printable(name), absl::StrJoin(names, ", ")));
}

absl::StatusOr<int64_t> ParsePolicy(const PolicyRule& rule, std::string_view text) {
  const absl::StatusOr<int64_t> value = ParseValue(rule, text);
  if (value.ok() && *value >= rule.least) return value;
  return absl::InvalidArgumentError(
      fmt::format("{}={}: expected {}", rule.name, Printable(text), Allowed(rule)));
}

std::string PolicyText(const PolicyRule& rule, int64_t value) {
  if (value == kNoLimit) return std::string(rule.no_limit);
  if (rule.kind == PolicyKind::kCount) return fmt::format("{}", value);
  struct Unit {
    int64_t one;
    std::string_view name;
  };
  constexpr std::array<Unit, 5> kAges = {
      {{7 * kDay, "w"}, {kDay, "d"}, {kHour, "h"}, {kMinute, "m"}, {1, "s"}}};
  constexpr std::array<Unit, 5> kSizes = {{{int64_t{1} << 40, "T"},
                                           {int64_t{1} << 30, "G"},
                                           {int64_t{1} << 20, "M"},
                                           {int64_t{1} << 10, "K"},
                                           {1, ""}}};
  for (const Unit& unit : rule.kind == PolicyKind::kAge ? kAges : kSizes) {
    // "30d", not "4w" and something.
    if (value % unit.one == 0) return fmt::format("{}{}", value / unit.one, unit.name);
  }
  return "";
}

Policies::Policies() {
  for (const PolicyRule& rule : kRules) Set(rule.policy, rule.usual);
}

Policies::Policies(const std::map<std::string, std::string>& set) : Policies() {
  for (const auto& [name, text] : set) {
    const auto rule = FindPolicy(name);
    if (!rule.ok()) continue;
    const auto value = ParsePolicy(**rule, text);
    if (value.ok()) Set((*rule)->policy, *value);
  }
}

int64_t BackupWarnSeconds(const Policies& policies) {
  const int64_t seconds = policies[Policy::kBackupWarnAfter];
  return seconds == kNoLimit ? 0 : seconds;
}

int64_t AutomaticBudget(uint64_t disk_bytes, uint64_t least_space) {
  // A disk that cannot be asked has no end.
  if (disk_bytes >= uint64_t{1} << 62) return kNoLimit;
  const uint64_t share = disk_bytes / 5 * 4;
  return std::max(static_cast<int64_t>(share) - static_cast<int64_t>(least_space),
                  RuleOf(Policy::kBlobsBudget).least);
}

}  // namespace crossmill::coordinator
