// Build dependencies, one source after the other.
#include "common/predict/resolver/build_requirements.h"

#include <deque>
#include <set>
#include <utility>

#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::predict {
namespace {

constexpr size_t kMostSources = 100;

class BuildResolver {
 public:
  BuildResolver(const ResolveRules& rules, const python::PythonEnvironment& environment,
                ProjectSource& source)
      : rules_(rules), environment_(environment), source_(source) {
    rules_.present.clear();
    rules_.no_dependencies = false;
    rules_.require_hashes = false;
  }

  absl::StatusOr<BuildScope> Run(const Resolution& resolution) {
    Queue(resolution.packages);
    for (size_t count = 0; !queue_.empty(); ++count) {
      if (count == kMostSources) {
        scope_.notes.push_back(
            fmt::format("What further sources need was not looked at after {}.", kMostSources));
        break;
      }
      const ResolvedPackage package = std::move(queue_.front());
      queue_.pop_front();
      RETURN_IF_ERROR(Build(package));
    }
    return std::move(scope_);
  }

 private:
  void Queue(const std::vector<ResolvedPackage>& packages) {
    for (const ResolvedPackage& package : packages) {
      const bool is_source = package.kind == ResolvedPackage::Kind::kIndex &&
                             package.choice.kind == python::Choice::Kind::kSource;
      if (is_source && seen_.insert(package.choice.file).second) queue_.push_back(package);
    }
  }

  absl::Status Build(const ResolvedPackage& package) {
    const std::string name = fmt::format("{} {}", package.name, package.version);
    ASSIGN_OR_RETURN(const auto texts, source_.BuildRequirements(*package.page, *package.choice.file));
    if (!texts.has_value()) {
      scope_.notes.push_back(fmt::format("What building {} needs is not known.", name));
      return absl::OkStatus();
    }
    std::vector<RootRequirement> roots;
    for (const std::string& text : *texts) {
      auto requirement = python::Requirement::Parse(text);
      if (!requirement.ok()) {
        scope_.notes.push_back(fmt::format("Building {} needs '{}', which is no requirement.", name,
                                           Printable(std::string_view(text).substr(0, 200))));
        continue;
      }
      roots.emplace_back().requirement = *std::move(requirement);
    }
    ASSIGN_OR_RETURN(Resolution resolution, Resolve(roots, rules_, environment_, source_));
    if (!resolution.solved) {
      scope_.notes.push_back(fmt::format("What building {} needs cannot be had: {}.", name,
                                         resolution.failure.empty() ? "no solution" : resolution.failure[0]));
      return absl::OkStatus();
    }
    Queue(resolution.packages);
    for (ResolvedPackage& one : resolution.packages) scope_.packages.push_back({std::move(one), name});
    return absl::OkStatus();
  }

  ResolveRules rules_;
  const python::PythonEnvironment& environment_;
  ProjectSource& source_;
  std::deque<ResolvedPackage> queue_;
  std::set<const python::ListedFile*> seen_;
  BuildScope scope_;
};

}  // namespace

absl::StatusOr<BuildScope> ResolveBuilds(const Resolution& resolution, const ResolveRules& rules,
                                         const python::PythonEnvironment& environment,
                                         ProjectSource& source) {
  return BuildResolver(rules, environment, source).Run(resolution);
}

}  // namespace crossmill::predict
