#include "common/words/requirement.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/words/overall.h"
#include "common/words/words.h"

namespace crossmill {

bool RestsOnFewerHosts(const v1::CellView& cell, uint32_t hosts) {
  const v1::CellComparison& comparison = cell.comparison();
  if (hosts == 0 || comparison.hosts() >= hosts) return false;
  const bool nothing_executed = comparison.verdict() == v1::VERDICT_REPRODUCIBLE &&
                                comparison.executions() == 0 && comparison.steps().empty();
  return !nothing_executed;
}

std::string UnmetText(v1::Verdict verdict, bool too_few_hosts, const Requirement& requirement) {
  if (!too_few_hosts) return fmt::format("--require reproducible: the verdict is {}", Word(verdict));
  return fmt::format("--min-hosts {}: the verdict ({}) rests on executions on fewer hosts",
                     requirement.min_hosts, Word(verdict));
}

std::string UnmetBy(const v1::BuildView& build, const Requirement& requirement) {
  if (!requirement.reproducible) return "";
  const v1::Verdict verdict = OverallVerdict(build);
  const bool few_hosts =
      std::any_of(build.cells().begin(), build.cells().end(),
                  [&](const v1::CellView& cell) { return RestsOnFewerHosts(cell, requirement.min_hosts); });
  const bool about_hosts = verdict == v1::VERDICT_REPRODUCIBLE || verdict == v1::VERDICT_INCONCLUSIVE;
  if (verdict == v1::VERDICT_REPRODUCIBLE && !few_hosts) return "";
  return UnmetText(verdict, about_hosts && few_hosts, requirement);
}

}  // namespace crossmill
