// A target that was resolved and made: a wheel, two sources of which one needs the other, a failure.
#pragma once

#include "cli/wheelhouse/package_record.h"
#include "cli/wheelhouse/target.h"
#include "cli/wheelhouse/target_plan.h"

namespace crossmill::cli {

inline WheelTarget SampleTarget(const std::string& architecture = "amd64") {
  WheelTarget target;
  target.platform.set_os("linux");
  target.platform.set_architecture(architecture);
  target.python = "3.11";
  target.base = "python:3.11-slim";
  return target;
}

inline void AddPredicted(v1::PredictedInstall& install, const std::string& name, const std::string& version,
                         v1::Outcome outcome, const std::string& needed_by = "") {
  v1::PredictedPackage& package = *install.add_packages();
  package.set_name(name);
  package.set_version(version);
  package.set_outcome(outcome);
  package.set_scope(needed_by.empty() ? "runtime" : "build-dep");
  package.set_needed_by(needed_by);
}

inline v1::Forecast SampleForecast() {
  v1::Forecast forecast;
  v1::PredictedInstall& install =
      *forecast.mutable_prediction()->add_platforms()->add_steps()->add_installs();
  install.set_solved(true);
  install.mutable_python()->set_version("3.11.7");
  install.mutable_python()->set_abi("cp311");
  install.mutable_python()->set_machine("x86_64");
  install.mutable_python()->set_libc("glibc 2.36");
  AddPredicted(install, "ready", "1.0", v1::OUTCOME_WHEEL);
  AddPredicted(install, "alpha", "1.0", v1::OUTCOME_SOURCE);
  AddPredicted(install, "tool", "2.0", v1::OUTCOME_SOURCE);
  AddPredicted(install, "broken", "0.1", v1::OUTCOME_FAILED);
  AddPredicted(install, "tool", "2.0", v1::OUTCOME_SOURCE, "alpha 1.0");
  AddPredicted(install, "setuptools", "70.0", v1::OUTCOME_WHEEL, "tool 2.0");
  return forecast;
}

inline WheelFile SampleFile(const std::string& name, char digit) {
  WheelFile file;
  file.name = name;
  file.sha256 = std::string(64, digit);
  file.size = 1234;
  return file;
}

// Everything there, but for "broken".
inline TargetRecord SampleRecord() {
  TargetRecord record;
  record.target = SampleTarget();
  record.plan = PlanTarget(record.target, SampleForecast());
  record.base_digest = "sha256:" + std::string(64, 'b');
  for (const PlannedPackage& planned : record.plan.packages) {
    PackageRecord package;
    package.name = planned.name;
    package.version = planned.version;
    package.way = planned.way;
    record.packages.push_back(package);
  }
  PackageRecord& alpha = record.packages[0];
  alpha.outcome = PackageRecord::Outcome::kSource;
  alpha.files = {SampleFile("alpha-1.0-cp311-cp311-linux_x86_64.whl", 'a')};
  alpha.seconds = 4.25;
  alpha.build = 12;
  alpha.statements.repair = "not-installed";
  PackageRecord& broken = record.packages[1];
  broken.outcome = PackageRecord::Outcome::kFailed;
  broken.failure_class = "header";
  broken.failure_line = "fatal error: lib.h: No such file";
  broken.remedy = "apt-get install -y libfoo-dev";
  broken.message = "the step failed\nwith 1";
  broken.build = 13;
  PackageRecord& ready = record.packages[2];
  ready.outcome = PackageRecord::Outcome::kWheel;
  ready.files = {SampleFile("ready-1.0-py3-none-any.whl", 'c')};
  ready.files[0].requires_python = ">=3.8,<4";
  PackageRecord& tool = record.packages[3];
  tool.outcome = PackageRecord::Outcome::kSourceKept;
  tool.files = {SampleFile("tool-2.0-py3-none-any.whl", 'd')};
  tool.seconds = 61;
  tool.emulated = true;
  return record;
}

}  // namespace crossmill::cli
