#include "coordinator/rule_files.h"

#include <utility>

#include "common/base/files.h"
#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

constexpr int64_t kLongestRuleFile = int64_t{4} << 20;

}  // namespace

absl::StatusOr<std::shared_ptr<const failures::FailureRules>> LoadFailureRules(
    const std::vector<std::string>& paths) {
  std::vector<failures::RuleFile> files;
  for (const std::string& path : paths) {
    absl::StatusOr<std::string> text = ReadFile(path, kLongestRuleFile);
    if (!text.ok()) return Annotate(text.status(), "--failure-rules");
    files.push_back({path, *std::move(text)});
  }
  auto rules = failures::FailureRules::Load(files);
  return rules.ok() ? rules : Annotate(rules.status(), "--failure-rules");
}

absl::StatusOr<std::shared_ptr<const compare::KnownFiles>> LoadKnownFiles(
    const std::vector<std::string>& paths) {
  compare::KnownFiles known = compare::KnownFiles::Embedded();
  for (const std::string& path : paths) {
    const absl::StatusOr<std::string> text = ReadFile(path, kLongestRuleFile);
    if (!text.ok()) return Annotate(text.status(), "--known-files");
    const auto more = compare::KnownFiles::Parse(path, *text);
    if (!more.ok()) return Annotate(more.status(), "--known-files");
    known = known.With(*more);
  }
  return std::make_shared<const compare::KnownFiles>(std::move(known));
}

}  // namespace crossmill::coordinator
