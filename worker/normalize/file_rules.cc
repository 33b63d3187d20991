// The rules that go by a file's name alone.
#include <array>

#include "common/base/status.h"
#include "common/layer/tar_entry.h"
#include "common/pattern/path_pattern.h"
#include "worker/normalize/rules.h"

namespace crossmill::worker {
namespace {

enum class Deed { kEmpty, kRemove, kResetTime };

struct NamedNoise {
  Deed deed;
  // As in an ignore file.
  std::string_view pattern;
};

// apt asks its servers for lists that are newer than those it has: so it never takes old ones for new.
constexpr int64_t kOldest = 0;

absl::Status Do(Deed deed, const DiffNode& node, StepFiles& files, RuleOutcome* outcome) {
  switch (deed) {
    case Deed::kEmpty:
      if (node.entry.size == 0 || !MayWrite(node, outcome)) return absl::OkStatus();
      RETURN_IF_ERROR(files.Empty(node));
      break;
    case Deed::kRemove:
      RETURN_IF_ERROR(files.Remove(node));
      break;
    case Deed::kResetTime:
      if (!MayWrite(node, outcome)) return absl::OkStatus();
      RETURN_IF_ERROR(files.SetTime(node, kOldest));
      break;
  }
  outcome->changed.insert(node.entry.path);
  return absl::OkStatus();
}

absl::Status Apply(absl::Span<const NamedNoise> noise, StepFiles& files, RuleOutcome* outcome) {
  for (const NamedNoise& one : noise) {
    ASSIGN_OR_RETURN(const auto pattern,
                     pattern::PathPattern::Compile(one.pattern, pattern::Dialect::kIgnore));
    for (const auto& [path, node] : files.changed()) {
      if (node->entry.type != layer::EntryType::kFile || !pattern.Matches(path)) continue;
      RETURN_IF_ERROR(Do(one.deed, *node, files, outcome));
    }
  }
  return absl::OkStatus();
}

}  // namespace

bool MayWrite(const DiffNode& node, RuleOutcome* outcome) {
  if (node.links == 1) return true;
  outcome->left_alone.push_back(
      fmt::format("/{} was left as it is: the file has other names", layer::Printable(node.entry.path)));
  return false;
}

absl::Status NormalizeAptLogs(const NormalizeTimes&, StepFiles& files, RuleOutcome* outcome) {
  // Emptied, not removed: who writes to them next finds the owner and mode that the package gave them.
  constexpr NamedNoise kNoise[] = {{Deed::kEmpty, "var/log/apt/*"},
                                   {Deed::kEmpty, "var/log/dpkg.log"},
                                   {Deed::kEmpty, "var/log/alternatives.log"},
                                   {Deed::kEmpty, "var/log/bootstrap.log"}};
  return Apply(kNoise, files, outcome);
}

absl::Status NormalizeAptCaches(const NormalizeTimes&, StepFiles& files, RuleOutcome* outcome) {
  constexpr NamedNoise kNoise[] = {{Deed::kRemove, "var/cache/apt/pkgcache.bin"},
                                   {Deed::kRemove, "var/cache/apt/srcpkgcache.bin"},
                                   {Deed::kResetTime, "var/lib/apt/lists/**"}};
  return Apply(kNoise, files, outcome);
}

absl::Status NormalizeLdconfigCache(const NormalizeTimes&, StepFiles& files, RuleOutcome* outcome) {
  constexpr NamedNoise kNoise[] = {{Deed::kRemove, "var/cache/ldconfig/aux-cache"}};
  return Apply(kNoise, files, outcome);
}

absl::Status NormalizeManDb(const NormalizeTimes&, StepFiles& files, RuleOutcome* outcome) {
  constexpr NamedNoise kNoise[] = {{Deed::kRemove, "var/cache/man/**/index.db"},
                                   {Deed::kRemove, "var/cache/man/**/index.bt"}};
  return Apply(kNoise, files, outcome);
}

absl::Status NormalizeFontconfig(const NormalizeTimes&, StepFiles& files, RuleOutcome* outcome) {
  constexpr NamedNoise kNoise[] = {{Deed::kRemove, "var/cache/fontconfig/*.cache-*"},
                                   {Deed::kRemove, "**/.cache/fontconfig/*.cache-*"},
                                   {Deed::kEmpty, "var/log/fontconfig.log"}};
  return Apply(kNoise, files, outcome);
}

absl::Status NormalizeCargoCache(const NormalizeTimes&, StepFiles& files, RuleOutcome* outcome) {
  // cargo's home: of a user, and of the official images. Cargo makes the file anew from what lies beside it.
  constexpr NamedNoise kNoise[] = {{Deed::kRemove, "**/.cargo/.global-cache"},
                                   {Deed::kRemove, "usr/local/cargo/.global-cache"}};
  return Apply(kNoise, files, outcome);
}

}  // namespace crossmill::worker
