// Packages paired by scope and name.
#include "common/predict/matrix/comparison.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/status.h"

namespace crossmill::predict {
namespace {

// Build-dep, name.
using Key = std::pair<bool, std::string>;

bool CameAsSource(v1::Outcome outcome) {
  return outcome == v1::OUTCOME_SOURCE || outcome == v1::OUTCOME_SOURCE_CACHED;
}

std::string_view InWords(v1::Outcome outcome) {
  switch (outcome) {
    case v1::OUTCOME_WHEEL:
      return "a wheel";
    case v1::OUTCOME_SOURCE:
    case v1::OUTCOME_SOURCE_CACHED:
      return "compiled from source";
    case v1::OUTCOME_VCS:
      return "from version control";
    case v1::OUTCOME_LOCAL:
      return "from a local folder";
    case v1::OUTCOME_EDITABLE:
      return "editable";
    case v1::OUTCOME_DISTRO:
      return "there already";
    case v1::OUTCOME_FAILED:
      return "failed";
    default:
      return "not known";
  }
}

class StepComparison {
 public:
  std::vector<v1::PredictionDifference> Run(const v1::PredictedStep& predicted,
                                            absl::Span<const v1::PackageOutcome> observed) {
    bool builds = false;
    for (const v1::PredictedInstall& install : predicted.installs()) {
      for (const v1::PredictedPackage& package : install.packages()) {
        builds |= package.scope() == "build-dep";
        // The last command that installs it decides what is there in the end.
        predicted_[{package.scope() == "build-dep", package.name()}] = &package;
        conditional_[package.name()] = install.conditional();
      }
    }
    for (const v1::PackageOutcome& outcome : observed) {
      if (outcome.scope() == "build-dep" && !builds) continue;
      observed_[{outcome.scope() == "build-dep", outcome.name()}].push_back(&outcome);
    }
    for (const auto& [key, package] : predicted_) Predicted(key, *package);
    for (const auto& [key, outcomes] : observed_) {
      if (predicted_.contains(key) || outcomes[0]->outcome() == v1::OUTCOME_DISTRO) continue;
      Add(v1::PredictionDifference::KIND_UNEXPECTED, key, false,
          fmt::format("{} {} came and was not predicted.", key.second, outcomes[0]->version()));
    }
    std::stable_sort(differences_.begin(), differences_.end(), [](const auto& a, const auto& b) {
      return std::pair(a.scope() == "build-dep", a.name()) < std::pair(b.scope() == "build-dep", b.name());
    });
    return std::move(differences_);
  }

 private:
  void Add(v1::PredictionDifference::Kind kind, const Key& key, bool doubtful, std::string sentence) {
    v1::PredictionDifference difference;
    difference.set_kind(kind);
    difference.set_name(key.second);
    difference.set_scope(key.first ? "build-dep" : "runtime");
    difference.set_was_doubtful(doubtful);
    difference.set_sentence(std::move(sentence));
    differences_.push_back(std::move(difference));
  }

  void Predicted(const Key& key, const v1::PredictedPackage& package) {
    const bool doubtful = package.certainty() == v1::CERTAINTY_DOUBTFUL || conditional_[key.second];
    const auto found = observed_.find(key);
    if (found == observed_.end()) {
      if (package.present() || package.outcome() == v1::OUTCOME_FAILED || package.name().empty()) return;
      Add(v1::PredictionDifference::KIND_MISSING, key, doubtful,
          fmt::format("{} {} was predicted and did not come.", package.name(), package.version()));
      return;
    }
    // Several environments may have it: one of them as predicted is enough.
    const auto same = [&](const v1::PackageOutcome* one) {
      return package.version().empty() || one->version() == package.version();
    };
    const auto matching = std::find_if(found->second.begin(), found->second.end(), same);
    const v1::PackageOutcome& outcome = matching == found->second.end() ? *found->second[0] : **matching;
    if (matching == found->second.end()) {
      Add(v1::PredictionDifference::KIND_VERSION, key, doubtful,
          fmt::format("{}: {} was predicted, {} came.", package.name(),
                      package.outcome() == v1::OUTCOME_FAILED ? "a failure" : package.version(),
                      outcome.version()));
      return;
    }
    const bool equal = package.present() || outcome.outcome() == package.outcome() ||
                       outcome.outcome() == v1::OUTCOME_UNKNOWN ||
                       outcome.outcome() == v1::OUTCOME_BYPASSED ||
                       (CameAsSource(outcome.outcome()) && CameAsSource(package.outcome()));
    if (!equal) {
      Add(v1::PredictionDifference::KIND_OUTCOME, key, doubtful,
          fmt::format("{} {}: predicted {}, observed {}.", package.name(), outcome.version(),
                      InWords(package.outcome()), InWords(outcome.outcome())));
      return;
    }
    // Of a source the file that was built is another than the one that was fetched.
    if (package.outcome() != v1::OUTCOME_WHEEL || outcome.file_name().empty() ||
        package.file_name().empty() || outcome.file_name() == package.file_name())
      return;
    Add(v1::PredictionDifference::KIND_FILE, key, doubtful,
        fmt::format("{} {}: {} was predicted, {} came.", package.name(), outcome.version(),
                    package.file_name(), outcome.file_name()));
  }

  std::map<Key, const v1::PredictedPackage*> predicted_;
  std::map<Key, std::vector<const v1::PackageOutcome*>> observed_;
  std::map<std::string, bool> conditional_;
  std::vector<v1::PredictionDifference> differences_;
};

}  // namespace

std::vector<v1::PredictionDifference> Compare(const v1::PredictedStep& predicted,
                                              absl::Span<const v1::PackageOutcome> observed) {
  return StepComparison().Run(predicted, observed);
}

}  // namespace crossmill::predict
