// The report of a finished build, for people: matrix of cells, steps with time and cache, sizes,
// packages, verdicts with their divergent steps, failures. Pure: views to text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "cli/show/text.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/client_service.pb.h"
#include "crossmill/v1/package_history.pb.h"

namespace crossmill::cli {

// A failed step, beside its view.
struct StepFailure {
  uint32_t stage = 0;
  uint32_t step = 0;
  // The last lines of its console.
  std::vector<std::string> last_lines;
};

struct BuildReport {
  v1::BuildView build;
  std::vector<v1::PackageRow> packages;
  // How they differ from those of the last build of the same recipe, and which builds those are.
  std::vector<v1::PackageChange> changes;
  std::vector<v1::EarlierBuild> earlier;
  // What steps fetched, counted per step and host; one by one only where it was asked for.
  std::vector<v1::FetchHostRow> fetch_hosts;
  std::vector<v1::FetchRow> fetches;
  std::vector<StepFailure> failures;
  // Text of the recipe's file, when the client has it: failures show its lines.
  std::string dockerfile;
};

// As many differing paths of a step stand in a report, where no cause is known. Who asks for more gets the
// causes with their bytes, and the paths too.
inline constexpr size_t kPathsOfReport = 10;

// The whole report. `paths` limits the differing paths shown for each step.
std::string RenderReport(const BuildReport& report, const TextOptions& options,
                         size_t paths = kPathsOfReport);

// "Build 12 succeeded in 3m 12s" and what belongs to it: message, tags, digest, bases, warnings.
std::string RenderHeader(const v1::BuildView& build, const TextOptions& options);
// One row per cell.
std::string RenderMatrix(const v1::BuildView& build, const TextOptions& options);
// Stages and steps of one cell, and what multi-stage saved.
std::string RenderCell(const v1::BuildView& build, const v1::CellView& cell, const TextOptions& options);
// What --normalize did in the steps of one cell, a line per rule; empty when it did nothing.
std::string RenderNormalizations(const v1::BuildView& build, const v1::CellView& cell,
                                 const TextOptions& options);
// "apt-logs (3 files)", "temporary-folder (TMPDIR=/run/crossmill/tmp)".
std::string NormalizationText(const v1::Normalization& one);
// Verdict with both digests and the divergent steps; empty when nobody asked for one.
std::string RenderVerdict(const v1::BuildView& build, const v1::CellView& cell, const TextOptions& options,
                          size_t paths);
// One step whose executions differ: who made what, the paths, the causes. `more`: the command that tells of
// further paths.
std::string RenderStepDifference(const v1::BuildView& build, const v1::StepComparison& step,
                                 const TextOptions& options, size_t paths, std::string_view more);
// At most `paths` of the paths that differ, and how many there are more.
std::string RenderPaths(const v1::StepComparison& step, const TextOptions& options, int indent, size_t paths,
                        std::string_view more);
// Every failed step: exit code, Dockerfile lines, last lines of its console.
std::string RenderFailures(const BuildReport& report, const TextOptions& options);

// Dockerfile lines around a range, with numbers; the range's own are marked.
std::string RenderExcerpt(std::string_view dockerfile, const v1::SourceRange& range,
                          const TextOptions& options);

// Parts that other displays use too.
// Image names that the build gives its image. A rebuild has those of the recorded build in its options, and
// sets none.
std::vector<std::string> NamesSetBy(const v1::BuildView& build);
std::string PlatformLabel(const v1::CellView& cell);
// "builder"; a stage without a name is "stage-2".
std::string StageLabel(const v1::StageView& stage);
// "builder 4/7".
std::string StepLabel(const v1::StageView& stage, uint32_t number);
Ink InkOf(v1::BuildStatus status);
Ink InkOf(v1::Verdict verdict);
// "✓", "✗", ...: status without colour.
std::string_view Glyph(v1::BuildStatus status);
std::string_view Glyph(v1::Verdict verdict);

}  // namespace crossmill::cli
