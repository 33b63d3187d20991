#include "cli/pipeline/run.h"

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/words/overall.h"
#include "common/words/words.h"

namespace crossmill::cli {

std::string SuiteName(const v1::BuildView& build) {
  return build.has_matrix() ? Printable(FormatCombination(build.matrix())) : "build";
}

std::string RunName(const PipelineRun& run) {
  if (run.matrix != 0) return fmt::format("Matrix m{}", run.matrix);
  if (run.first_build != 0) return fmt::format("Build {}", run.first_build);
  return "Build";
}

std::string RunUrl(const PipelineRun& run) {
  if (run.page.empty() || run.first_build == 0) return "";
  return run.matrix != 0 ? fmt::format("{}/#matrices/{}", run.page, run.matrix)
                         : fmt::format("{}/#builds/{}", run.page, run.first_build);
}

v1::Verdict RunVerdict(const PipelineRun& run) {
  if (run.builds.empty()) return v1::VERDICT_UNVERIFIED;
  v1::Verdict gravest = v1::VERDICT_REPRODUCIBLE;
  for (const BuildReport& report : run.builds) gravest = GraverVerdict(gravest, OverallVerdict(report.build));
  return gravest;
}

std::string_view RunWord(const PipelineRun& run) {
  if (!run.incomplete.empty()) return "incomplete";
  switch (run.exit_code) {
    case kExitOk:
      return "succeeded";
    case kExitBuildFailed:
      return "failed";
    case kExitNotReproducible:
      return "not reproducible";
    case kExitInconclusive:
      return "inconclusive";
    case kExitTooFewHosts:
      return "on too few hosts";
    case kExitTimeOut:
      return "timed out";
    case kExitCancelled:
      return "cancelled";
    default:
      return "failed by the farm's fault";
  }
}

std::string FewerHostsText(const v1::CellView& cell, const Requirement& requirement) {
  return fmt::format("the verdict rests on executions on {} of {} hosts", cell.comparison().hosts(),
                     requirement.min_hosts);
}

std::string FileOf(const PipelineRun& run, const v1::BuildView& build, const v1::SourceRange& range) {
  if (!run.dockerfile.empty() && range.file() == build.dockerfile_name()) return run.dockerfile;
  return range.file();
}

}  // namespace crossmill::cli
