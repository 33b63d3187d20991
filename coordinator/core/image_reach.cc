#include "coordinator/core/image_reach.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/types/span.h"
#include "common/base/status.h"
#include "common/plan/step_sources.h"

namespace crossmill::core {
namespace {

// On merged-usr systems these are links into /usr: both names mean one path.
constexpr std::array<std::string_view, 6> kMergedFolders = {"bin", "sbin", "lib", "lib32", "lib64", "libx32"};

using Components = std::vector<std::string>;

// Split, without ".", ".." resolved, and merged-usr names brought to one form.
Components Split(std::string_view path) {
  Components components;
  for (const auto part : absl::StrSplit(Av(path), '/', absl::SkipEmpty())) {
    if (part == ".") continue;
    if (part == "..") {
      if (!components.empty()) components.pop_back();
      continue;
    }
    components.emplace_back(part);
  }
  if (!components.empty() &&
      std::find(kMergedFolders.begin(), kMergedFolders.end(), components[0]) != kMergedFolders.end()) {
    components.insert(components.begin(), "usr");
  }
  return components;
}

// Position after the class "[...]" at the front of `pattern`; npos if it is not closed.
size_t ClassEnd(std::string_view pattern) {
  size_t i = 1;
  if (i < pattern.size() && (pattern[i] == '^' || pattern[i] == '!')) ++i;
  for (const size_t first = i; i < pattern.size(); ++i) {
    if (pattern[i] == '\\') {
      ++i;
    } else if (pattern[i] == ']' && i > first) {
      return i + 1;
    }
  }
  return pattern.npos;
}

bool ClassHas(std::string_view body, char c) {
  const bool negated = !body.empty() && (body[0] == '^' || body[0] == '!');
  if (negated) body.remove_prefix(1);
  bool has = false;
  for (size_t i = 0; i < body.size(); ++i) {
    if (body[i] == '\\' && i + 1 < body.size()) ++i;
    const char low = body[i];
    if (i + 2 < body.size() && body[i + 1] == '-') {
      has = has || (low <= c && c <= body[i + 2]);
      i += 2;
    } else {
      has = has || low == c;
    }
  }
  return has != negated;
}

// Does the non-star element at the front of `pattern` match `c`? `size` is set to the element's length.
bool ElementMatches(std::string_view pattern, char c, size_t* size) {
  *size = 1;
  if (pattern[0] == '?') return true;
  if (pattern[0] == '[') {
    const size_t end = ClassEnd(pattern);
    if (end != pattern.npos) {
      *size = end;
      return ClassHas(pattern.substr(1, end - 2), c);
    }
  }
  if (pattern[0] == '\\' && pattern.size() > 1) {
    *size = 2;
    return pattern[1] == c;
  }
  return pattern[0] == c;
}

// One component; iterative, so that no pattern takes long.
bool ComponentMatches(std::string_view pattern, std::string_view name) {
  size_t p = 0;
  size_t n = 0;
  size_t star = pattern.npos;
  size_t star_name = 0;
  while (n < name.size()) {
    size_t size = 0;
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_name = n;
    } else if (p < pattern.size() && ElementMatches(pattern.substr(p), name[n], &size)) {
      p += size;
      ++n;
    } else if (star != pattern.npos) {
      p = star + 1;
      n = ++star_name;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

// How pattern and path lie to each other when compared component by component.
enum class Relation { kApart, kPathAtOrBelow, kPathAbove };

// Keeps the set of pattern positions that the path so far can stand at, so "**" costs no more than the
// product of both lengths.
Relation Compare(absl::Span<const std::string> pattern, absl::Span<const std::string> path) {
  std::vector<bool> at(pattern.size() + 1, false);
  at[0] = true;
  for (size_t n = 0;; ++n) {
    // "**" also stands for no component at all.
    for (size_t p = 0; p < pattern.size(); ++p) {
      if (at[p] && pattern[p] == "**") at[p + 1] = true;
    }
    if (at[pattern.size()]) return Relation::kPathAtOrBelow;
    if (std::find(at.begin(), at.end(), true) == at.end()) return Relation::kApart;
    if (n == path.size()) return Relation::kPathAbove;
    std::vector<bool> next(pattern.size() + 1, false);
    for (size_t p = 0; p < pattern.size(); ++p) {
      if (!at[p]) continue;
      if (pattern[p] == "**") next[p] = true;
      if (pattern[p] != "**" && ComponentMatches(pattern[p], path[n])) next[p + 1] = true;
    }
    at = std::move(next);
  }
}

bool ChangesMeaning(const v1::PathDifference& difference) {
  switch (difference.kind()) {
    case v1::PathDifference::KIND_TIME:
      return false;
    case v1::PathDifference::KIND_METADATA:
      return difference.detail().find("type") != std::string::npos ||
             difference.detail().find("link") != std::string::npos;
    default:
      return true;
  }
}

}  // namespace

bool LiesInExport(std::string_view pattern, std::string_view path) {
  return Compare(Split(pattern), Split(path)) == Relation::kPathAtOrBelow;
}

ImageReach::ImageReach(const v1::BuildPlan& plan, uint32_t target_stage)
    : whole_(static_cast<size_t>(plan.stages_size()), false),
      patterns_(static_cast<size_t>(plan.stages_size())) {
  AddWhole(plan, target_stage);
}

void ImageReach::AddWhole(const v1::BuildPlan& plan, uint32_t stage) {
  if (whole_[stage]) return;
  whole_[stage] = true;
  const v1::StagePlan& planned = plan.stages(static_cast<int>(stage));
  if (planned.base_case() == v1::StagePlan::kBaseStage) AddWhole(plan, planned.base_stage());
  for (const v1::Step& step : planned.steps()) {
    for (const v1::CopySource* source : plan::SourcesOf(step)) {
      if (source->has_export_())
        AddPattern(plan, source->export_().stage(), source->export_().export_().pattern());
    }
  }
}

void ImageReach::AddPattern(const v1::BuildPlan& plan, uint32_t stage, const std::string& pattern) {
  const Components parts = Split(pattern);
  const std::string normal = absl::StrJoin(parts, "/");
  std::vector<std::string>& known = patterns_[stage];
  if (std::find(known.begin(), known.end(), normal) != known.end()) return;
  known.push_back(normal);
  const v1::StagePlan& planned = plan.stages(static_cast<int>(stage));
  // The export is taken from the stage's whole root: the stages below it too.
  if (planned.base_case() == v1::StagePlan::kBaseStage) AddPattern(plan, planned.base_stage(), pattern);
  for (const v1::Step& step : planned.steps()) {
    for (const v1::CopySource* source : plan::SourcesOf(step)) {
      if (!source->has_export_()) continue;
      // What was copied into this stage is exported with it if the destination and the pattern overlap. A
      // command may write anywhere what it sees in a mount.
      const Components destination = Split(step.copy().destination());
      if (step.has_copy() && Compare(parts, destination) == Relation::kApart &&
          Compare(destination, parts) == Relation::kApart) {
        continue;
      }
      AddPattern(plan, source->export_().stage(), source->export_().export_().pattern());
    }
  }
}

bool ImageReach::Reaches(uint32_t stage, const v1::PathDifference& difference) const {
  if (whole_[stage]) return true;
  const Components path = Split(difference.path());
  for (const std::string& pattern : patterns_[stage]) {
    switch (Compare(Split(pattern), path)) {
      case Relation::kPathAtOrBelow:
        return true;
      case Relation::kPathAbove:
        if (ChangesMeaning(difference)) return true;
        break;
      case Relation::kApart:
        break;
    }
  }
  return false;
}

}  // namespace crossmill::core
