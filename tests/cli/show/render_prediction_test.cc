#include "cli/show/render_prediction.h"

#include <gtest/gtest.h>

#include "cli/show/prediction_json.h"
#include "tests/cli/sample_build.h"
#include "tests/support/golden.h"

namespace crossmill::cli {
namespace {

v1::PredictedPackage Package(const std::string& name, const std::string& version, v1::Outcome outcome,
                             const std::string& file) {
  v1::PredictedPackage package;
  package.set_name(name);
  package.set_version(version);
  package.set_outcome(outcome);
  package.set_scope("runtime");
  package.set_file_name(file);
  package.set_certainty(v1::CERTAINTY_CERTAIN);
  return package;
}

v1::PredictedInstall& AddInstall(v1::Forecast& forecast, const std::string& platform) {
  v1::PlatformPrediction& one = *forecast.mutable_prediction()->add_platforms();
  one.set_platform(platform);
  v1::PredictedStep& step = *one.add_steps();
  step.set_line(7);
  step.set_stage("app");
  step.set_step_number(4);
  v1::PredictedInstall& install = *step.add_installs();
  install.set_source("pip install -r requirements.txt");
  install.set_tool("pip");
  install.set_solved(true);
  return install;
}

v1::Forecast SampleForecast() {
  v1::Forecast forecast;
  v1::PredictedInstall& amd = AddInstall(forecast, "linux/amd64");
  *amd.add_packages() = Package("numpy", "2.1.0", v1::OUTCOME_WHEEL,
                                "numpy-2.1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl");
  *amd.add_packages() = Package("netifaces", "0.11.0", v1::OUTCOME_SOURCE, "netifaces-0.11.0.tar.gz");
  *amd.add_packages() = Package("six", "1.16.0", v1::OUTCOME_WHEEL, "six-1.16.0-py2.py3-none-any.whl");
  amd.mutable_packages(2)->set_certainty(v1::CERTAINTY_DOUBTFUL);
  amd.mutable_packages(2)->add_doubts("What netifaces 0.11.0 requires is known only once it is built.");
  v1::PredictedPackage build =
      Package("setuptools", "70.0", v1::OUTCOME_WHEEL, "setuptools-70.0-py3-none-any.whl");
  build.set_scope("build-dep");
  build.set_needed_by("netifaces 0.11.0");
  *amd.add_packages() = build;
  v1::PredictedReason& reason = *amd.mutable_packages(1)->add_reasons();
  reason.set_kind("no-wheel-for-python");
  reason.set_sentence("No wheel of netifaces 0.11.0 is for cp311.");
  amd.mutable_packages(1)->add_help("netifaces 0.11.0 has a wheel for Python 3.9 here.");
  v1::PredictedInstall& arm = AddInstall(forecast, "linux/arm/v7");
  arm.set_solved(false);
  arm.add_failure("ERROR: No matching distribution found for numpy==2.1.0");
  *arm.add_packages() = Package("numpy", "", v1::OUTCOME_FAILED, "");
  v1::PlatformPrediction& s390x = *forecast.mutable_prediction()->add_platforms();
  s390x.set_platform("linux/s390x");
  s390x.set_failure("Dockerfile:1:6: base image python:3.11: the image has no platform linux/s390x");
  v1::PredictedStep& step = *forecast.mutable_prediction()->mutable_platforms(0)->mutable_steps(0);
  step.add_doubts("what RUN on line 3 changes is not known: it has no result on this farm");
  v1::PredictedGap& gap = *step.add_gaps();
  gap.set_source("make \x1b[31minstall");
  gap.set_why("what it runs is not looked at");
  v1::PastCompile& past = *forecast.add_past_compiles();
  past.set_name("netifaces");
  past.set_version("0.11.0");
  past.set_platform("linux/amd64");
  past.set_seconds(12.4);
  past.set_build_id(7);
  return forecast;
}

v1::ObservedStep& AddObserved(v1::Forecast& forecast) {
  forecast.set_build_id(12);
  v1::ObservedStep& observed = *forecast.add_observed();
  observed.set_platform("linux/amd64");
  observed.set_line(7);
  observed.set_stage("app");
  observed.set_step_number(4);
  observed.set_executed(true);
  for (const char* name : {"numpy", "six"}) {
    v1::PackageOutcome& package = *observed.add_packages();
    package.set_name(name);
    package.set_version(name == std::string("numpy") ? "2.1.0" : "1.17.0");
    package.set_outcome(v1::OUTCOME_WHEEL);
    package.set_scope("runtime");
  }
  v1::PredictionDifference& difference = *observed.add_differences();
  difference.set_name("six");
  difference.set_scope("runtime");
  difference.set_sentence("six: 1.16.0 was predicted, 1.17.0 came.");
  difference.set_kind(v1::PredictionDifference::KIND_VERSION);
  difference.set_was_doubtful(true);
  return observed;
}

TEST(RenderPredictionTest, MatrixReasonsAndWhatIsNotKnown) {
  const std::string text = RenderForecast(SampleForecast(), {120, false});
  ExpectGolden(kCliGoldens, "forecast.txt", text);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST(RenderPredictionTest, BesideWhatCame) {
  v1::Forecast forecast = SampleForecast();
  AddObserved(forecast);
  ExpectGolden(kCliGoldens, "forecast-beside.txt", RenderPredictedBeside(forecast, {120, false}));
}

TEST(RenderPredictionTest, JsonAndCsv) {
  v1::Forecast forecast = SampleForecast();
  AddObserved(forecast);
  ExpectGolden(kCliGoldens, "forecast.json", WriteJsonPretty(ForecastJson(forecast)) + "\n");
  ExpectGolden(kCliGoldens, "forecast.csv", ForecastCsv(forecast));
}

TEST(RenderPredictionTest, NothingToSay) {
  EXPECT_EQ(RenderForecast(v1::Forecast(), {80, false}), "no step is seen to install Python packages\n");
  v1::Forecast forecast;
  forecast.set_build_id(3);
  EXPECT_EQ(RenderPredictedBeside(forecast, {80, false}),
            "no step of build 3 that installs Python packages has a result\n");
}

// The exit code says what people gate on: neither what may not run nor what is not known fails.
TEST(RenderPredictionTest, WhatCountsAsAFailure) {
  v1::Forecast forecast;
  v1::PredictedInstall& install = AddInstall(forecast, "linux/amd64");
  EXPECT_FALSE(PredictsFailure(forecast));
  install.set_solved(false);
  EXPECT_TRUE(PredictsFailure(forecast));
  install.set_unknown(true);
  EXPECT_FALSE(PredictsFailure(forecast));
  *install.add_packages() = Package("a", "", v1::OUTCOME_FAILED, "");
  EXPECT_TRUE(PredictsFailure(forecast));
  install.set_conditional(true);
  EXPECT_FALSE(PredictsFailure(forecast));
  forecast.mutable_prediction()->mutable_platforms(0)->set_failure("no platform");
  EXPECT_TRUE(PredictsFailure(forecast));
  v1::ObservedStep& observed = AddObserved(forecast);
  EXPECT_FALSE(HasCertainDifference(forecast));
  observed.mutable_differences(0)->set_was_doubtful(false);
  EXPECT_TRUE(HasCertainDifference(forecast));
}

}  // namespace
}  // namespace crossmill::cli
