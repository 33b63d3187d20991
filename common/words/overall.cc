#include "common/words/overall.h"

#include <algorithm>
#include <array>

#include "common/words/words.h"

namespace crossmill {
namespace {

// Gravest first.
constexpr std::array kVerdictGravity = {
    v1::VERDICT_FAILED,       v1::VERDICT_UNREPRODUCIBLE, v1::VERDICT_FLAKY,       v1::VERDICT_INPUT_DRIFT,
    v1::VERDICT_INCONCLUSIVE, v1::VERDICT_UNVERIFIED,     v1::VERDICT_REPRODUCIBLE};
constexpr std::array kStatusGravity = {v1::BUILD_STATUS_FAILED, v1::BUILD_STATUS_INFRASTRUCTURE_FAILED,
                                       v1::BUILD_STATUS_TIMED_OUT, v1::BUILD_STATUS_CANCELLED,
                                       v1::BUILD_STATUS_SUCCEEDED};

template <typename Values, typename Value>
size_t PlaceIn(const Values& values, Value value) {
  return static_cast<size_t>(std::find(values.begin(), values.end(), value) - values.begin());
}

}  // namespace

v1::Verdict OverallVerdict(const v1::BuildView& build) {
  size_t gravest = kVerdictGravity.size();
  for (const v1::CellView& cell : build.cells()) {
    v1::Verdict verdict = cell.comparison().verdict();
    if (verdict == v1::VERDICT_UNSPECIFIED) verdict = v1::VERDICT_UNVERIFIED;
    gravest = std::min(gravest, PlaceIn(kVerdictGravity, verdict));
  }
  return gravest < kVerdictGravity.size() ? kVerdictGravity[gravest] : v1::VERDICT_UNVERIFIED;
}

v1::Verdict GraverVerdict(v1::Verdict one, v1::Verdict other) {
  return PlaceIn(kVerdictGravity, other) < PlaceIn(kVerdictGravity, one) ? other : one;
}

v1::Verdict OverallVerdict(const BuildViews& builds) {
  if (builds.empty()) return v1::VERDICT_UNVERIFIED;
  v1::Verdict gravest = v1::VERDICT_REPRODUCIBLE;
  for (const v1::BuildView& build : builds) gravest = GraverVerdict(gravest, OverallVerdict(build));
  return gravest;
}

v1::BuildStatus OverallStatus(const BuildViews& builds) {
  size_t gravest = kStatusGravity.size();
  for (const v1::BuildView& build : builds) {
    if (!IsFinished(build.status())) return v1::BUILD_STATUS_RUNNING;
    gravest = std::min(gravest, PlaceIn(kStatusGravity, build.status()));
  }
  return gravest < kStatusGravity.size() ? kStatusGravity[gravest] : v1::BUILD_STATUS_UNSPECIFIED;
}

}  // namespace crossmill
