#include "worker/normalize/step_settings.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "common/base/status.h"
#include "worker/normalize/compiler_wrapper.h"

namespace crossmill::worker {
namespace {

// As /tmp: every user of the step may write.
constexpr mode_t kTemporaryMode = 01777;

bool Has(const std::vector<std::string>& rules, std::string_view rule) {
  return std::find(rules.begin(), rules.end(), rule) != rules.end();
}

absl::StatusOr<TemporaryFolder> MakeFolder(const std::string& parent, mode_t mode) {
  ASSIGN_OR_RETURN(TemporaryFolder folder, TemporaryFolder::Create(parent));
  if (chmod(folder.path().c_str(), mode) != 0) return ErrnoStatus(errno, folder.path());
  return folder;
}

}  // namespace

absl::StatusOr<StepSettings> StepSettings::Prepare(absl::Span<const std::string> rules,
                                                   const std::string& folder) {
  StepSettings settings;
  settings.rules_.assign(rules.begin(), rules.end());
  if (Has(settings.rules_, "temporary-folder")) {
    ASSIGN_OR_RETURN(settings.temporary_, MakeFolder(folder, kTemporaryMode));
  }
  if (Has(settings.rules_, "build-paths")) {
    ASSIGN_OR_RETURN(settings.compilers_, MakeFolder(folder, 0755));
    for (const std::string_view name : kWrappedCompilers) {
      RETURN_IF_ERROR(WriteFileAtomic(settings.compilers_->Path(name), kCompilerWrapper, 0755));
    }
  }
  return settings;
}

void StepSettings::Apply(SandboxRun* run) {
  if (temporary_ && Set("temporary-folder", "TMPDIR", kStepTemporaryFolder, run)) {
    run->mounts.push_back(
        {.source = temporary_->path(), .target = std::string(kStepTemporaryFolder), .folder = true});
  }
  if (compilers_ && Set("build-paths", "COMPILER_PATH", kStepCompilerFolder, run)) {
    run->mounts.push_back({.source = compilers_->path(),
                           .target = std::string(kStepCompilerFolder),
                           .folder = true,
                           .read_only = true});
  }
  if (Has(rules_, "python-hash-seed")) Set("python-hash-seed", "PYTHONHASHSEED", "0", run);
}

bool StepSettings::Set(std::string_view rule, std::string_view name, std::string_view value,
                       SandboxRun* run) {
  const std::string start = fmt::format("{}=", name);
  if (std::any_of(run->env.begin(), run->env.end(),
                  [&](const std::string& variable) { return variable.starts_with(start); })) {
    return false;
  }
  run->env.push_back(start + std::string(value));
  v1::Normalization& told = normalizations_.emplace_back();
  told.set_rule(std::string(rule));
  told.add_variables(run->env.back());
  return true;
}

}  // namespace crossmill::worker
