#include "common/compare/neutral/neutral_comparison.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "common/base/status.h"
#include "common/compare/file_comparison.h"
#include "common/compare/path_glob.h"
#include "common/layer/manifest_diff.h"

namespace crossmill::compare {
namespace {

constexpr int kMostDifferences = 100;
// Of contents that are read for what is told of them.
constexpr int64_t kMostBytes = int64_t{256} << 20;
constexpr std::string_view kKinds[] = {"chosen", "wheel", "bytecode", "messages", "documents"};

bool IsChosen(absl::Span<const std::string> globs, const std::string& path) {
  return std::any_of(globs.begin(), globs.end(),
                     [&](const std::string& glob) { return MatchesPathGlob(glob, path); });
}

bool IsDocument(std::string_view path) {
  for (const std::string_view folder : {"usr/share/doc/", "usr/share/man/", "usr/share/info/",
                                        "usr/local/share/doc/", "usr/local/share/man/"}) {
    if (path.starts_with(folder)) return true;
  }
  return false;
}

class NeutralComparer {
 public:
  NeutralComparer(absl::Span<const NeutralSide> sides, absl::Span<const std::string> chosen,
                  NeutralContents& contents, const std::stop_token& stop)
      : sides_(sides), chosen_(chosen), contents_(contents), stop_(stop) {}

  v1::NeutralComparison Compare() {
    if (sides_.size() < 2) return {};
    for (const NeutralSide& side : sides_) *result_.add_platforms() = side.platform;
    std::set<std::string_view> paths;
    for (const NeutralSide& side : sides_) {
      for (const auto& [path, entry] : side.root) paths.insert(path);
    }
    for (const std::string_view path : paths) {
      if (stop_.stop_requested()) {
        result_.set_problem("comparing was stopped");
        break;
      }
      ComparePath(std::string(path));
    }
    for (const std::string_view kind : kKinds) {
      const auto found = kinds_.find(kind);
      if (found != kinds_.end()) *result_.add_kinds() = std::move(found->second);
    }
    return std::move(result_);
  }

 private:
  // Empty: nothing says that it should be the same.
  std::string_view KindOf(const std::string& path) const {
    if (IsChosen(chosen_, path)) return "chosen";
    // Of every platform that has it: the file of a wheel for one platform may be another there.
    size_t have = 0, of_wheels = 0;
    for (const NeutralSide& side : sides_) {
      have += side.root.contains(path) ? 1 : 0;
      of_wheels += side.root.contains(path) && side.wheel_files.contains(path) ? 1 : 0;
    }
    if (of_wheels == have) return "wheel";
    // What else is in a package for one platform depends on it by right.
    if (of_wheels > 0) return {};
    if (path.ends_with(".pyc")) return "bytecode";
    if (path.ends_with(".mo")) return "messages";
    return IsDocument(path) ? "documents" : std::string_view();
  }

  void ComparePath(const std::string& path) {
    const std::string_view kind = KindOf(path);
    if (kind.empty()) return;
    v1::NeutralKind& row = kinds_[kind];
    row.set_kind(std::string(kind));
    std::vector<const RootEntry*> entries;
    for (const NeutralSide& side : sides_) {
      const auto found = side.root.find(path);
      if (found == side.root.end()) {
        row.set_not_everywhere(row.not_everywhere() + 1);
        return;
      }
      entries.push_back(&found->second);
    }
    row.set_compared(row.compared() + 1);
    for (size_t i = 1; i < entries.size(); ++i) {
      if (auto difference = DifferenceOf(*entries[0], *entries[i])) {
        AddDifference(kind, i, *std::move(difference), *entries[0], *entries[i]);
        return;
      }
    }
    row.set_equal(row.equal() + 1);
  }

  static std::optional<v1::PathDifference> DifferenceOf(const RootEntry& first, const RootEntry& second) {
    layer::LayerManifest ours, theirs;
    ours.entries = {first.entry};
    theirs.entries = {second.entry};
    auto differences = layer::DiffManifests(ours, theirs, 1, nullptr);
    if (differences.empty() || differences[0].kind() == v1::PathDifference::KIND_TIME) return std::nullopt;
    return std::move(differences[0]);
  }

  void AddDifference(std::string_view kind, size_t side, v1::PathDifference difference,
                     const RootEntry& first, const RootEntry& second) {
    result_.set_differences_total(result_.differences_total() + 1);
    if (result_.differences_size() >= kMostDifferences) return;
    v1::NeutralDifference& told = *result_.add_differences();
    told.set_kind(std::string(kind));
    told.set_platform(static_cast<uint32_t>(side));
    const bool content = difference.kind() == v1::PathDifference::KIND_CONTENT;
    *told.mutable_difference() = std::move(difference);
    if (content) AddExample(side, first, second, &told);
  }

  void AddExample(size_t side, const RootEntry& first, const RootEntry& second, v1::NeutralDifference* told) {
    const int64_t bytes = first.entry.entry.size + second.entry.entry.size;
    if (bytes > bytes_left_)
      return NoteProblem("not all contents that differ were looked at: they are too large");
    bytes_left_ -= bytes;
    const auto compare = [&]() -> absl::StatusOr<v1::FileDifference> {
      ASSIGN_OR_RETURN(const std::unique_ptr<Content> ours, contents_.Open(0, first));
      ASSIGN_OR_RETURN(const std::unique_ptr<Content> theirs, contents_.Open(side, second));
      CompareLimits limits;
      limits.differences = 1;
      return CompareContents(told->difference().path(), *ours, *theirs, limits, stop_);
    };
    const auto file = compare();
    if (!file.ok()) {
      NoteProblem(fmt::format("/{}: {}", told->difference().path(), Sv(file.status().message())));
    } else if (file->differences_size() > 0) {
      *told->mutable_example() = file->differences(0);
    }
  }

  void NoteProblem(std::string problem) {
    if (result_.problem().empty()) result_.set_problem(std::move(problem));
  }

  absl::Span<const NeutralSide> sides_;
  absl::Span<const std::string> chosen_;
  NeutralContents& contents_;
  const std::stop_token& stop_;
  int64_t bytes_left_ = kMostBytes;
  std::map<std::string_view, v1::NeutralKind> kinds_;
  v1::NeutralComparison result_;
};

}  // namespace

v1::NeutralComparison CompareNeutral(absl::Span<const NeutralSide> sides,
                                     absl::Span<const std::string> chosen, NeutralContents& contents,
                                     const std::stop_token& stop) {
  return NeutralComparer(sides, chosen, contents, stop).Compare();
}

}  // namespace crossmill::compare
