#include "coordinator/rebuild/rebuild_judgement.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

uint32_t CountEqual(const std::vector<std::string>& then, const std::vector<std::string>& now) {
  uint32_t equal = 0;
  for (size_t i = 0; i < std::min(then.size(), now.size()); ++i) equal += then[i] == now[i] ? 1 : 0;
  return equal;
}

v1::LevelComparison DocumentLevel(const std::string& level, const std::string& then, const std::string& now) {
  v1::LevelComparison row;
  row.set_level(level);
  row.set_then(then);
  row.set_now(now);
  row.set_equal(!then.empty() && then == now);
  return row;
}

v1::LevelComparison ListLevel(const std::string& level, const std::vector<std::string>& then,
                              const std::vector<std::string>& now) {
  v1::LevelComparison row;
  row.set_level(level);
  row.set_layers(static_cast<uint32_t>(std::max(then.size(), now.size())));
  row.set_equal_layers(CountEqual(then, now));
  row.set_equal(then == now);
  return row;
}

v1::RebuildComparison::Result ResultOf(const RebuildFacts& facts) {
  const bool manifests_known = !facts.then.manifest.empty() && !facts.now.manifest.empty();
  if (manifests_known && facts.then.manifest == facts.now.manifest)
    return v1::RebuildComparison::RESULT_EQUAL;
  if (facts.then.layers != facts.now.layers) return v1::RebuildComparison::RESULT_DIFFERENT;
  if (facts.then.config.empty() || facts.now.config.empty()) return v1::RebuildComparison::RESULT_UNKNOWN;
  return facts.then.config == facts.now.config ? v1::RebuildComparison::RESULT_EQUAL
                                               : v1::RebuildComparison::RESULT_DIFFERENT;
}

std::string ReasonOf(const RebuildFacts& facts, v1::RebuildComparison::Result result) {
  const std::string build = fmt::format("build {}", facts.build);
  switch (result) {
    case v1::RebuildComparison::RESULT_EQUAL:
      if (facts.then.manifest == facts.now.manifest) return "byte for byte the image of " + build;
      return fmt::format(
          "config and all layers are those of {}; only the manifest or the compressed form of "
          "layers differs",
          build);
    case v1::RebuildComparison::RESULT_UNKNOWN:
      return fmt::format("all layers are those of {}, but its config could not be compared: {}", build,
                         facts.manifest_problem);
    default:
      break;
  }
  const v1::Verdict verdict = facts.comparison.verdict();
  if (verdict == v1::VERDICT_UNREPRODUCIBLE || verdict == v1::VERDICT_INPUT_DRIFT)
    return fmt::format("not the image of {}: {}", build, facts.comparison.reason());
  if (facts.then.layers == facts.now.layers)
    return fmt::format("all layers are those of {}, but its config differs", build);
  return fmt::format("not the image of {}: {} of {} layers are equal", build,
                     CountEqual(facts.then.layers, facts.now.layers),
                     std::max(facts.then.layers.size(), facts.now.layers.size()));
}

void AddLevels(const RebuildFacts& facts, v1::RebuildComparison* result) {
  *result->add_levels() = DocumentLevel("image", facts.then.manifest, facts.now.manifest);
  const bool same_manifest = result->levels(0).equal();
  const bool known = !facts.then.config.empty() && !facts.now.config.empty();
  v1::LevelComparison config = DocumentLevel("config", facts.then.config, facts.now.config);
  v1::LevelComparison blobs = ListLevel("blobs", facts.then.blobs, facts.now.blobs);
  if (same_manifest) {
    // The manifest names them.
    config.set_equal(true);
    blobs.set_equal(true);
  } else if (!known) {
    for (v1::LevelComparison* row : {&config, &blobs}) {
      row->set_equal(false);
      row->set_problem(facts.manifest_problem);
    }
  }
  *result->add_levels() = std::move(config);
  *result->add_levels() = std::move(blobs);
  *result->add_levels() = ListLevel("layers", facts.then.layers, facts.now.layers);
}

// Two executions, one of them long ago and perhaps on the same host, make no reproducible verdict; and where
// the images are equal no step differs in them, whatever was possible.
void Temper(bool equal, v1::CellComparison* comparison) {
  const v1::Verdict verdict = comparison->verdict();
  if (equal || (verdict != v1::VERDICT_UNREPRODUCIBLE && verdict != v1::VERDICT_INPUT_DRIFT)) {
    comparison->clear_verdict();
    comparison->clear_level();
    comparison->clear_reason();
  }
  if (!equal) return;
  for (v1::StepComparison& step : *comparison->mutable_steps()) step.set_reaches_image(false);
}

}  // namespace

v1::RebuildComparison JudgeRebuild(RebuildFacts facts) {
  v1::RebuildComparison result;
  result.set_build(facts.build);
  result.set_result(ResultOf(facts));
  result.set_reason(ReasonOf(facts, result.result()));
  AddLevels(facts, &result);
  Temper(result.result() == v1::RebuildComparison::RESULT_EQUAL, &facts.comparison);
  bool differs = false;
  for (int i = 0; i < facts.comparison.steps_size(); ++i) {
    if (facts.comparison.steps(i).agrees()) continue;
    const auto index = static_cast<uint32_t>(i);
    if (differs && facts.other_keys.contains(index)) result.add_after_difference(index);
    differs = true;
  }
  *result.mutable_comparison() = std::move(facts.comparison);
  return result;
}

}  // namespace crossmill::coordinator
