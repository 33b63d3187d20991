// A run of `crossmill build` as files for pipelines tell of it: one build, or those of a matrix. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/show/exit_codes.h"
#include "cli/show/render_build.h"

namespace crossmill::cli {

struct PipelineRun {
  // Its builds, by combination; none while nothing is known of them.
  std::vector<BuildReport> builds;
  // 0: one build alone.
  int64_t matrix = 0;
  // Of what is submitted now: its build, or the first one.
  int64_t first_build = 0;
  // Why the end is not known, or what kept it from being built. Empty: the builds have ended.
  std::string incomplete;
  Requirement requirement;
  // What the command ends with; 0 while it runs.
  int exit_code = 0;
  // As somebody in the working folder of the pipeline names the Dockerfile; empty: as the build does.
  std::string dockerfile;
  // Address of the farm's page, without a slash at its end; empty: none is known.
  std::string page;
};

// "PYTHON=3.12"; of a build that was submitted alone "build".
std::string SuiteName(const v1::BuildView& build);
// "Build 12" or "Matrix m12".
std::string RunName(const PipelineRun& run);
// The page of the build or matrix; empty if none is known.
std::string RunUrl(const PipelineRun& run);
// Over all its builds; UNVERIFIED while there is none.
v1::Verdict RunVerdict(const PipelineRun& run);
// In a word or a few: "succeeded", "failed", "incomplete", "not reproducible", ... by the exit code.
std::string_view RunWord(const PipelineRun& run);
// That a verdict rests on fewer hosts than were asked for (RestsOnFewerHosts).
std::string FewerHostsText(const v1::CellView& cell, const Requirement& requirement);
// The file of the recipe that a range names, for somebody in the working folder.
std::string FileOf(const PipelineRun& run, const v1::BuildView& build, const v1::SourceRange& range);

}  // namespace crossmill::cli
