#include "common/compare/step_comparison.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "common/base/paths.h"
#include "common/base/status.h"
#include "common/compare/causes.h"
#include "common/compare/classifier.h"
#include "common/compare/explanation.h"
#include "common/compare/file_comparison.h"
#include "common/compare/normalize_remedy.h"

namespace crossmill::compare {
namespace {

constexpr int kPathsNamed = 20;

std::string FolderOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string() : std::string(path.substr(0, slash));
}

// The nearest of the folders that the path is in; empty: it is in none.
std::string NearestOf(const std::string& path, const std::set<std::string>& folders) {
  for (std::string folder = FolderOf(path); !folder.empty(); folder = FolderOf(folder)) {
    if (folders.contains(folder)) return folder;
  }
  return {};
}

// Groups by what is told of them: class, rule and remedy.
class Groups {
 public:
  void Add(const std::string& path, const v1::Cause& cause, const v1::ContentDifference* example) {
    const Key key{cause.class_(), cause.rule(), cause.remedy()};
    causes_of_[path].insert(key);
    AddTo(key, path, cause, example);
  }

  // `roots`: the paths from which it follows.
  void AddDerived(const std::string& path, std::set<std::string> roots) { derived_[path] = std::move(roots); }

  std::vector<v1::CauseGroup> Take() {
    FoldDerived();
    std::vector<v1::CauseGroup> sorted;
    for (auto& [key, group] : groups_) sorted.push_back(std::move(group));
    const auto rank = [](const v1::CauseGroup& group) {
      const CauseClass* known = FindCauseClass(group.cause().class_());
      return known == nullptr ? 0 : known->rank;
    };
    std::stable_sort(sorted.begin(), sorted.end(), [&](const v1::CauseGroup& a, const v1::CauseGroup& b) {
      return std::pair(rank(a), -static_cast<int64_t>(a.paths_total())) <
             std::pair(rank(b), -static_cast<int64_t>(b.paths_total()));
    });
    return sorted;
  }

 private:
  using Key = std::tuple<std::string, std::string, std::string>;

  // Each stands with the causes of what it follows from, also over others that are derived.
  void FoldDerived() {
    for (const auto& [path, roots] : derived_) {
      std::set<std::string> seen;
      std::set<Key> keys;
      std::vector<std::string> open(roots.begin(), roots.end());
      while (!open.empty()) {
        const std::string root = std::move(open.back());
        open.pop_back();
        if (!seen.insert(root).second) continue;
        if (const auto causes = causes_of_.find(root); causes != causes_of_.end())
          keys.insert(causes->second.begin(), causes->second.end());
        if (const auto further = derived_.find(root); further != derived_.end())
          open.insert(open.end(), further->second.begin(), further->second.end());
      }
      if (keys.empty()) {
        lost_.push_back(path);
        continue;
      }
      for (const Key& key : keys) {
        v1::CauseGroup& group = groups_[key];
        group.set_derived_total(group.derived_total() + 1);
        if (group.derived_size() < kPathsNamed) group.add_derived(path);
      }
    }
    v1::Cause cause;
    cause.set_class_("unknown");
    cause.set_confidence(v1::Cause::CONFIDENCE_CERTAIN);
    cause.set_evidence(
        "only what follows from something else differs (checksums, build-ids), and what that is was not "
        "found");
    for (const std::string& path : lost_) AddTo({cause.class_(), "derived", ""}, path, cause, nullptr);
  }

  void AddTo(const Key& key, const std::string& path, const v1::Cause& cause,
             const v1::ContentDifference* example) {
    v1::CauseGroup& group = groups_[key];
    if (group.paths_total() == 0) {
      *group.mutable_cause() = cause;
      if (example != nullptr) {
        *group.mutable_example() = *example;
        group.mutable_example()->clear_cause();
      }
    } else if (cause.confidence() > group.cause().confidence()) {
      // What is told of all of them is no surer than the least sure.
      group.mutable_cause()->set_confidence(cause.confidence());
    }
    group.set_paths_total(group.paths_total() + 1);
    if (group.paths_size() < kPathsNamed) group.add_paths(path);
  }

  std::map<Key, v1::CauseGroup> groups_;
  std::map<std::string, std::set<Key>> causes_of_;
  std::map<std::string, std::set<std::string>> derived_;
  std::vector<std::string> lost_;
};

absl::StatusOr<v1::FileDifference> ExplainContents(const v1::PathDifference& difference,
                                                   const Classifier& classifier, StepContents& contents,
                                                   const KnownFiles& known, const CompareLimits& limits,
                                                   const std::stop_token& stop,
                                                   std::set<std::string>* roots) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Content> ours, contents.OpenFirst(difference.path()));
  ASSIGN_OR_RETURN(const std::unique_ptr<Content> theirs, contents.OpenSecond(difference.path()));
  DifferingParts parts;
  ASSIGN_OR_RETURN(v1::FileDifference file,
                   CompareContents(difference.path(), *ours, *theirs, limits, stop, &parts));
  classifier.Classify(parts, &file, roots);
  for (v1::ContentDifference& each : *file.mutable_differences()) {
    if (!each.derived()) known.Apply(difference.path(), each.mutable_cause());
  }
  return file;
}

// Explains one step. Used once.
class Explainer {
 public:
  Explainer(absl::Span<const v1::PathDifference> differences, const ComparedExecutions& executions,
            StepContents& contents, const KnownFiles& known, const StepLimits& limits,
            const std::stop_token& stop)
      : differences_(differences),
        executions_(executions),
        contents_(contents),
        known_(known),
        limits_(limits),
        stop_(stop),
        classifier_(executions.first, executions.second, differences),
        bytes_left_(limits.bytes) {}

  StepExplanation Explain() {
    ExplainPresence();
    size_t compared = 0;
    for (const v1::PathDifference& difference : differences_) {
      if (stop_.stop_requested()) {
        problem_ = "comparing was stopped";
        break;
      }
      switch (difference.kind()) {
        case v1::PathDifference::KIND_CONTENT:
          if (++compared > limits_.paths) {
            ++left_out_;
          } else {
            ExplainContent(difference);
          }
          break;
        case v1::PathDifference::KIND_METADATA:
        case v1::PathDifference::KIND_TIME:
          AddCause(difference.path(), classifier_.ClassifyMetadata(difference), nullptr);
          break;
        default:
          break;
      }
    }
    if (left_out_ > 0 && problem_.empty()) {
      problem_ =
          fmt::format("{} paths were not looked at: there are too many, or they are too large", left_out_);
    }
    const bool only_packing = only_packing_ && problem_.empty() && !differences_.empty();
    return {groups_.Take(), problem_, only_packing};
  }

 private:
  // How the same thing is packed.
  static bool IsPacking(const v1::ContentDifference& difference) {
    const std::string& word = difference.cause().class_();
    // What a rule says of a file is no proof; and of cpio there are numbers of inodes that nobody compares.
    if (difference.derived() || difference.cause().confidence() != v1::Cause::CONFIDENCE_CERTAIN)
      return false;
    const auto& way = difference.inside();
    if (std::find(way.begin(), way.end(), "cpio") != way.end()) return false;
    // Magic and flags are other ones of another Python.
    if (word == "pyc-header") return difference.place() == "time of the source in the header";
    return word == "archive-time" || word == "member-order" || word == "pax-header" ||
           word == "gzip-header" || word == "compressor";
  }

  void AddCause(const std::string& path, v1::Cause cause, const v1::ContentDifference* example) {
    // Of a content it is said where the content is compared.
    if (example == nullptr && cause.class_() != "file-time") only_packing_ = false;
    known_.Apply(path, &cause);
    Add(path, std::move(cause), example);
  }

  // What nothing explains in a step that was given other input may well come from that.
  void Add(const std::string& path, v1::Cause cause, const v1::ContentDifference* example) {
    if (cause.class_() == "unknown" && !executions_.input_changes.empty()) {
      const std::string evidence = fmt::format("{} was not the same for both executions; {}",
                                               executions_.input_changes.front().name(), cause.evidence());
      cause = MakeCause("input", v1::Cause::CONFIDENCE_LIKELY, "");
      cause.set_evidence(evidence);
    }
    if (executions_.normalized) AddNormalizeRemedy(path, example, *executions_.normalized, &cause);
    groups_.Add(path, cause, example);
  }

  // The change of input that a path's contents are, to the byte; nullptr: none.
  const v1::InputChange* FetchedAs(const v1::PathDifference& difference) const {
    for (const v1::InputChange& change : executions_.input_changes) {
      if (change.first() == "sha256:" + difference.first().hash() &&
          change.second() == "sha256:" + difference.second().hash()) {
        return &change;
      }
    }
    return nullptr;
  }

  void ExplainContent(const v1::PathDifference& difference) {
    ExplainMetadataBeside(difference);
    if (const v1::InputChange* change = FetchedAs(difference)) {
      v1::Cause cause = MakeCause("input", v1::Cause::CONFIDENCE_CERTAIN, "");
      cause.set_evidence(fmt::format("it is what {} gave: other bytes to {} than to {}", change->name(),
                                     executions_.first.worker, executions_.second.worker));
      return AddCause(difference.path(), cause, nullptr);
    }
    const int64_t bytes = difference.first().size_bytes() + difference.second().size_bytes();
    if (bytes > bytes_left_) {
      ++left_out_;
      return;
    }
    bytes_left_ -= bytes;
    std::set<std::string> roots;
    const auto file =
        ExplainContents(difference, classifier_, contents_, known_, limits_.file, stop_, &roots);
    if (!file.ok()) {
      if (problem_.empty()) problem_ = fmt::format("/{}: {}", difference.path(), Sv(file.status().message()));
      return;
    }
    const auto& all = file->differences();
    if (all.empty() || file->incomplete() || !std::all_of(all.begin(), all.end(), IsPacking))
      only_packing_ = false;
    // Each class of a file once.
    std::set<std::string> told;
    for (const v1::ContentDifference& each : file->differences()) {
      if (each.derived() || !told.insert(each.cause().class_()).second) continue;
      Add(difference.path(), each.cause(), &each);
    }
    if (told.empty() && file->differences_size() > 0) groups_.AddDerived(difference.path(), std::move(roots));
    if (file->incomplete() && problem_.empty()) {
      problem_ = fmt::format("/{} differs in more than was looked at", difference.path());
    }
  }

  // Of a file whose contents differ: its mode or owner may differ, too.
  void ExplainMetadataBeside(const v1::PathDifference& difference) {
    if (difference.detail().empty()) return;
    v1::PathDifference metadata = difference;
    metadata.set_kind(v1::PathDifference::KIND_METADATA);
    AddCause(difference.path(), classifier_.ClassifyMetadata(metadata), nullptr);
  }

  // What is there on one side only. One thing that has two names is there on both.
  void ExplainPresence() {
    std::set<std::string> alone;
    for (const v1::PathDifference& each : differences_) {
      if (IsPresence(each)) alone.insert(each.path());
    }
    std::map<std::string,
             std::pair<std::vector<const v1::PathDifference*>, std::vector<const v1::PathDifference*>>>
        by_folder;
    for (const v1::PathDifference& each : differences_) {
      if (!IsPresence(each)) continue;
      // What is in such a folder is there because the folder is.
      if (const std::string folder = NearestOf(each.path(), alone); !folder.empty()) {
        groups_.AddDerived(each.path(), {folder});
        continue;
      }
      auto& sides = by_folder[FolderOf(each.path())];
      (each.kind() == v1::PathDifference::KIND_ONLY_FIRST ? sides.first : sides.second).push_back(&each);
    }
    for (auto& [folder, sides] : by_folder) ExplainFolder(sides.first, sides.second);
  }

  static bool IsPresence(const v1::PathDifference& difference) {
    return difference.kind() == v1::PathDifference::KIND_ONLY_FIRST ||
           difference.kind() == v1::PathDifference::KIND_ONLY_SECOND;
  }

  void ExplainFolder(const std::vector<const v1::PathDifference*>& first,
                     const std::vector<const v1::PathDifference*>& second) {
    const bool pairs = first.size() == second.size();
    for (size_t i = 0; i < first.size(); ++i) {
      if (pairs) {
        ExplainNames(*first[i], *second[i]);
      } else {
        AddAlone(*first[i], true);
      }
    }
    for (size_t i = 0; !pairs && i < second.size(); ++i) AddAlone(*second[i], false);
  }

  void ExplainNames(const v1::PathDifference& first, const v1::PathDifference& second) {
    AddCause(first.path(), classifier_.ClassifyNames(LastName(first.path()), LastName(second.path())),
             nullptr);
    groups_.AddDerived(second.path(), {first.path()});
  }

  void AddAlone(const v1::PathDifference& difference, bool first) {
    AddCause(difference.path(), classifier_.ClassifyAlone(difference.path(), first), nullptr);
  }

  absl::Span<const v1::PathDifference> differences_;
  const ComparedExecutions& executions_;
  StepContents& contents_;
  const KnownFiles& known_;
  const StepLimits& limits_;
  const std::stop_token& stop_;
  const Classifier classifier_;
  int64_t bytes_left_;
  size_t left_out_ = 0;
  // So far.
  bool only_packing_ = true;
  std::string problem_;
  Groups groups_;
};

}  // namespace

StepExplanation ExplainStep(absl::Span<const v1::PathDifference> differences,
                            const ComparedExecutions& executions, StepContents& contents,
                            const KnownFiles& known, const StepLimits& limits, const std::stop_token& stop) {
  return Explainer(differences, executions, contents, known, limits, stop).Explain();
}

absl::StatusOr<v1::FileDifference> ExplainFile(const v1::PathDifference& difference,
                                               absl::Span<const v1::PathDifference> differences,
                                               const ComparedExecutions& executions, StepContents& contents,
                                               const KnownFiles& known, const CompareLimits& limits,
                                               const std::stop_token& stop) {
  return ExplainContents(difference, Classifier(executions.first, executions.second, differences), contents,
                         known, limits, stop, nullptr);
}

}  // namespace crossmill::compare
