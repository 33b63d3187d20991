#include "common/plan/step_sources.h"

#include <algorithm>

namespace crossmill::plan {

std::vector<const v1::CopySource*> SourcesOf(const v1::Step& step) {
  std::vector<const v1::CopySource*> sources;
  for (const v1::CopySource& source : step.copy().sources()) sources.push_back(&source);
  for (const v1::RunMount& mount : step.run().mounts()) {
    if (mount.has_source()) sources.push_back(&mount.source());
  }
  return sources;
}

std::vector<v1::CopySource*> MutableSourcesOf(v1::Step& step) {
  std::vector<v1::CopySource*> sources;
  if (step.has_copy()) {
    for (v1::CopySource& source : *step.mutable_copy()->mutable_sources()) sources.push_back(&source);
  }
  if (step.has_run()) {
    for (v1::RunMount& mount : *step.mutable_run()->mutable_mounts()) {
      if (mount.has_source()) sources.push_back(mount.mutable_source());
    }
  }
  return sources;
}

std::set<uint32_t> NeededStages(const v1::StagePlan& stage) {
  std::set<uint32_t> needed;
  if (stage.base_case() == v1::StagePlan::kBaseStage) needed.insert(stage.base_stage());
  for (const v1::Step& step : stage.steps()) {
    for (const v1::CopySource* source : SourcesOf(step)) {
      if (source->has_export_()) needed.insert(source->export_().stage());
    }
  }
  return needed;
}

bool SameExport(const v1::Export& left, const v1::Export& right) {
  return left.pattern() == right.pattern() && left.parents() == right.parents() &&
         std::equal(left.excludes().begin(), left.excludes().end(), right.excludes().begin(),
                    right.excludes().end());
}

std::string LiteralPattern(std::string_view path) {
  std::string pattern;
  for (const char c : path) {
    if (c == '*' || c == '?' || c == '[' || c == '\\') pattern += '\\';
    pattern += c;
  }
  return pattern;
}

}  // namespace crossmill::plan
