// machine-id and shadow-dates: what a step says of the machine and of the day.
#include <algorithm>

#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/layer/tar_entry.h"
#include "worker/normalize/account_dates.h"
#include "worker/normalize/rules.h"

namespace crossmill::worker {
namespace {

constexpr size_t kMostShadowBytes = 16 << 20;
constexpr size_t kIdDigits = 32;
constexpr int64_t kSecondsPerDay = 86'400;

bool IsMachineId(std::string_view content) {
  if (content.ends_with('\n')) content.remove_suffix(1);
  return content.size() == kIdDigits && std::all_of(content.begin(), content.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

// nullptr: the step did not change it, or it is no regular file.
const DiffNode* ChangedFile(const StepFiles& files, std::string_view path) {
  const auto found = files.changed().find(path);
  if (found == files.changed().end() || found->second->entry.type != layer::EntryType::kFile) return nullptr;
  return found->second;
}

absl::StatusOr<std::optional<std::string>> ContentBelow(const StepFiles& files, std::string_view path,
                                                        size_t limit) {
  ASSIGN_OR_RETURN(const auto below, files.Below(path));
  if (!below || below->found.kind != FileKind::kEntry || below->found.entry.type != layer::EntryType::kFile) {
    return std::nullopt;
  }
  return files.ReadBelow(*below, limit);
}

absl::Status ResetDates(std::string_view path, const std::set<std::string>& known, const AccountDays& days,
                        StepFiles& files, RuleOutcome* outcome) {
  const DiffNode* node = ChangedFile(files, path);
  if (node == nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto content, files.Read(*node, kMostShadowBytes));
  if (!content) {
    outcome->left_alone.push_back(
        fmt::format("/{} was left as it is: it has more than {} MiB", path, kMostShadowBytes >> 20));
    return absl::OkStatus();
  }
  const AccountDates dates = ResetAccountDates(*content, known, days);
  if (!dates.expiring.empty()) {
    outcome->left_alone.push_back(fmt::format(
        "/{}: {}: the day of the last change was left as it is, because the password expires by it", path,
        layer::Printable(absl::StrJoin(dates.expiring, ", "))));
  }
  if (dates.changed.empty() || !MayWrite(*node, outcome)) return absl::OkStatus();
  RETURN_IF_ERROR(files.Replace(*node, dates.content));
  outcome->changed.insert(node->entry.path);
  return absl::OkStatus();
}

}  // namespace

absl::Status NormalizeMachineId(const NormalizeTimes&, StepFiles& files, RuleOutcome* outcome) {
  constexpr std::string_view kSystemd = "etc/machine-id", kDbus = "var/lib/dbus/machine-id";
  // An id that was there before is the base image's, whatever else of the file was changed.
  const auto is_made = [&](const DiffNode& node) -> absl::StatusOr<bool> {
    ASSIGN_OR_RETURN(const auto content, files.Read(node, kIdDigits + 1));
    if (!content || !IsMachineId(*content)) return false;
    ASSIGN_OR_RETURN(const auto before, ContentBelow(files, node.entry.path, kIdDigits + 1));
    return before != content;
  };
  if (const DiffNode* node = ChangedFile(files, kSystemd); node != nullptr) {
    ASSIGN_OR_RETURN(const bool made, is_made(*node));
    if (made && MayWrite(*node, outcome)) {
      RETURN_IF_ERROR(files.Empty(*node));
      outcome->changed.emplace(kSystemd);
    }
  }
  if (const DiffNode* node = ChangedFile(files, kDbus); node != nullptr) {
    ASSIGN_OR_RETURN(const bool made, is_made(*node));
    if (!made) return absl::OkStatus();
    // D-Bus makes it anew, or takes systemd's, where it is missing; an empty one it refuses.
    RETURN_IF_ERROR(files.Remove(*node));
    outcome->changed.emplace(kDbus);
  }
  return absl::OkStatus();
}

absl::Status NormalizeShadowDates(const NormalizeTimes& times, StepFiles& files, RuleOutcome* outcome) {
  constexpr std::string_view kFiles[] = {"etc/shadow", "etc/shadow-"};
  if (std::none_of(std::begin(kFiles), std::end(kFiles),
                   [&](std::string_view path) { return ChangedFile(files, path) != nullptr; })) {
    return absl::OkStatus();
  }
  // The second is the first as it was before a program changed it: one's lines were known if the other had
  // them.
  std::set<std::string> known;
  for (const std::string_view path : kFiles) {
    ASSIGN_OR_RETURN(const auto before, ContentBelow(files, path, kMostShadowBytes));
    if (before) known.merge(LinesOf(*before));
  }
  AccountDays days;
  days.first = times.started_at / kSecondsPerDay;
  days.last = times.finished_at / kSecondsPerDay;
  // A shift of a day and some hours can be two days, late in the evening.
  days.shift = times.clock_shift / kSecondsPerDay;
  if (times.clock_shift > 0) days.last += 1;
  days.epoch = std::max<int64_t>(times.clamp_time / kSecondsPerDay, 1);
  for (const std::string_view path : kFiles) RETURN_IF_ERROR(ResetDates(path, known, days, files, outcome));
  return absl::OkStatus();
}

}  // namespace crossmill::worker
