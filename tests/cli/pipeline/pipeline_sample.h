// Runs as files for pipelines tell of them: a build, and a matrix in which things go wrong and are called
// badly.
#pragma once

#include <string>

#include "cli/pipeline/run.h"
#include "tests/cli/sample_build.h"

namespace crossmill::cli {

// What a stranger may put into names and consoles.
inline constexpr char kHostile[] = "]]><script>`|*@team <img src=x>\x1b[31m\x01\xff\xef\xbf\xbe";

inline PipelineRun SampleRun() {
  PipelineRun run;
  run.builds.push_back(SampleReport());
  run.first_build = 12;
  run.requirement = {true, 2};
  run.exit_code = kExitNotReproducible;
  run.dockerfile = "docker/Dockerfile";
  run.page = "https://farm.example:8080";
  return run;
}

inline void SetPlace(const std::string& python, uint32_t place, v1::BuildView* build) {
  build->mutable_matrix()->set_matrix(12);
  build->mutable_matrix()->set_size(2);
  build->mutable_matrix()->set_place(place);
  v1::BuildArgument& argument = *build->mutable_matrix()->add_combination();
  argument.set_name("PYTHON");
  argument.set_value(python);
}

// Build 12 is well but for its verdict, build 13 failed in a step and in a package.
inline PipelineRun SampleMatrixRun() {
  PipelineRun run = SampleRun();
  run.matrix = 12;
  run.exit_code = kExitBuildFailed;
  SetPlace("3.11", 0, &run.builds[0].build);
  BuildReport failed = FailedReport();
  *failed.build.mutable_options()->add_platforms() = SamplePlatform("arm64");
  failed.build.mutable_options()->add_tags("example/service:2.0");
  failed.build.set_dockerfile_name("Dockerfile");
  failed.build.mutable_stages(0)->mutable_steps(1)->set_text(std::string("RUN make ") + kHostile);
  failed.failures[0].last_lines.push_back(kHostile);
  failed.failures[0].last_lines.push_back("````");
  SetPlace(kHostile, 1, &failed.build);
  v1::PackageRow package = SamplePackage("arm64", 0, "psycopg2", "2.9.9", v1::OUTCOME_FAILED, 3.5, "");
  package.set_step_number(3);
  package.mutable_package()->set_failure_class("missing-header");
  package.mutable_package()->set_failure_line("fatal error: Python.h: No such file or directory");
  package.mutable_package()->set_remedy("install python3-dev");
  package.mutable_package()->add_remedy_lines("RUN apt-get install -y python3-dev");
  failed.packages.push_back(package);
  run.builds.push_back(std::move(failed));
  return run;
}

inline PipelineRun IncompleteRun() {
  PipelineRun run;
  run.first_build = 12;
  run.incomplete = "it was running when this was written";
  return run;
}

}  // namespace crossmill::cli
