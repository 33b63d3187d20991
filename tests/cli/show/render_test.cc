#include <gtest/gtest.h>

#include <map>

#include "cli/show/exit_codes.h"
#include "cli/show/json_output.h"
#include "cli/show/render_build.h"
#include "cli/show/render_fetches.h"
#include "cli/show/render_live.h"
#include "cli/show/render_packages.h"
#include "cli/show/render_plain.h"
#include "cli/show/render_tables.h"
#include "common/base/status.h"
#include "tests/cli/sample_build.h"
#include "tests/support/golden.h"

namespace crossmill::cli {
namespace {

TEST(RenderReportTest, VerifiedBuildOnTwoPlatforms) {
  ExpectGolden(kCliGoldens, "report.txt", RenderReport(SampleReport(), {120, false}));
}

TEST(RenderReportTest, ColoursAndNarrowTerminal) {
  ExpectGolden(kCliGoldens, "report-80-colour.txt", RenderReport(SampleReport(), {80, true}));
}

TEST(RenderReportTest, FailedRunShowsLinesAndConsole) {
  ExpectGolden(kCliGoldens, "report-failed.txt", RenderReport(FailedReport(), {120, false}));
}

TEST(RenderReportTest, AFailedStepSaysWhatItUsedAsFarAsItIsKnown) {
  BuildReport report = FailedReport();
  EXPECT_EQ(RenderReport(report, {120, false}).find("it used"), std::string::npos);
  for (v1::StageView& stage : *report.build.mutable_stages()) {
    for (v1::StepView& step : *stage.mutable_steps()) {
      if (step.status() != v1::STEP_STATUS_FAILED) continue;
      step.mutable_use()->set_group_peak_memory(int64_t{64} << 20);
      step.mutable_use()->set_user_seconds(1.5);
    }
  }
  EXPECT_NE(RenderReport(report, {120, false}).find("  it used 64 MiB of memory, 1.5s user\n"),
            std::string::npos)
      << RenderReport(report, {120, false});
}

// A set is offered to every emulated RUN; one that only echoes has nothing of it.
TEST(RenderReportTest, AStepThatCouldBeAcceleratedIsNotSaidToBe) {
  BuildReport report = SampleReport();
  int emulated = 0;
  for (v1::StageView& stage : *report.build.mutable_stages()) {
    for (v1::StepView& step : *stage.mutable_steps()) {
      if (!step.emulated()) continue;
      ++emulated;
      step.mutable_acceleration()->set_set("debian-bookworm-arm64");
      step.mutable_acceleration()->add_tools("gcc-12/cc1");
      step.mutable_acceleration()->add_unmatched("/usr/bin/rustc: no tool of the set stands for it");
    }
  }
  ASSERT_GT(emulated, 0);
  const std::string text = RenderReport(report, {120, false});
  EXPECT_NE(text.find(", emulated"), std::string::npos) << text;
  EXPECT_EQ(text.find(", accelerated"), std::string::npos) << text;
  EXPECT_NE(text.find("(gcc-12/cc1), where they fit\n"), std::string::npos) << text;
  EXPECT_NE(text.find("steps: /usr/bin/rustc: no tool of the set stands for it\n"), std::string::npos)
      << text;
}

TEST(RenderReportTest, TablesStayWithinTheWidth) {
  const std::string text = RenderMatrix(SampleReport().build, {90, false}) +
                           RenderCell(SampleReport().build, SampleReport().build.cells(0), {90, false});
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = text.find('\n', begin);
    EXPECT_LE(DisplayWidth(text.substr(begin, end - begin)), 90) << text.substr(begin, end - begin);
    begin = end + 1;
  }
}

TEST(RenderReportTest, BuildThatFailedBeforeItsPlanSaysWhy) {
  BuildReport report;
  report.build.set_id(3);
  report.build.set_status(v1::BUILD_STATUS_FAILED);
  report.build.set_message("Dockerfile:1:6: no such image");
  const std::string text = RenderReport(report, {100, false});
  EXPECT_NE(text.find("Build 3 ✗ failed"), std::string::npos) << text;
  EXPECT_NE(text.find("Dockerfile:1:6: no such image"), std::string::npos) << text;
}

TEST(RenderTablesTest, Builds) {
  const std::vector<v1::BuildView> builds = {FailedReport().build, SampleReport().build};
  ExpectGolden(kCliGoldens, "builds.txt", RenderBuilds(builds, kSampleStart + 600'000'000'000, {120, false}));
  EXPECT_EQ(RenderBuilds({}, 0, {}), "no builds yet\n");
}

TEST(RenderTablesTest, PackagesOverPlatforms) {
  ExpectGolden(kCliGoldens, "packages.txt", RenderPackages(SampleReport().packages, {160, false}));
}

TEST(RenderPackagesTest, LinesOfARemedyStandWithTheirPlace) {
  v1::PackageRow row;
  v1::PackageOutcome& package = *row.mutable_package();
  package.set_name("psycopg2");
  package.set_outcome(v1::OUTCOME_FAILED);
  package.set_failure_class("config-tool");
  package.set_remedy("install libpq-dev (Debian 12)");
  package.add_remedy_lines("USER root");
  package.add_remedy_lines("RUN apt-get install -y libpq-dev");
  row.mutable_remedy_place()->set_text("RUN pip install " + std::string(200, 'x'));
  row.mutable_remedy_place()->mutable_range()->set_file("Dockerfile");
  row.mutable_remedy_place()->mutable_range()->set_first_line(7);
  const std::vector<v1::PackageRow> rows = {row};
  const std::string text = RenderPackages(rows, {160, false});
  EXPECT_NE(
      text.find(
          "  → install libpq-dev (Debian 12)\n    add before line 7 of Dockerfile (RUN pip install xxx"),
      std::string::npos)
      << text;
  EXPECT_NE(text.find("…):\n      USER root\n      RUN apt-get install -y libpq-dev\n"), std::string::npos)
      << text;
  const Json json = PackageJson(row);
  EXPECT_EQ(json["before_line"], 7);
  EXPECT_EQ(json["before_file"], "Dockerfile");
  EXPECT_EQ(json["remedy_lines"].size(), 2u);
  // A trigger is in another Dockerfile.
  row.mutable_remedy_place()->clear_range();
  const std::vector<v1::PackageRow> triggered = {row};
  EXPECT_NE(RenderPackages(triggered, {160, false}).find("ONBUILD"), std::string::npos);
  EXPECT_TRUE(PackageJson(row)["before_line"].is_null());
}

std::vector<v1::WorkerView> SampleWorkers() {
  v1::WorkerView worker;
  v1::WorkerInfo* info = worker.mutable_info();
  info->set_name("w1");
  info->set_version("0.1.0");
  info->set_host_id("boot-1");
  info->set_host_name("tower");
  info->set_cpu_model("Example CPU");
  info->set_cpus(8);
  info->set_runtime("crun 1.8.1");
  info->set_slots(4);
  info->set_pool("arm");
  v1::WorkerLabel* zone = info->add_labels();
  zone->set_key("zone");
  zone->set_value("a");
  *info->add_platforms()->mutable_platform() = SamplePlatform("amd64");
  v1::PlatformSupport* emulated = info->add_platforms();
  *emulated->mutable_platform() = SamplePlatform("arm64");
  emulated->set_emulated(true);
  emulated->set_processor("max,pauth-impdef=on");
  worker.set_connected(true);
  worker.set_slots_used(1);
  worker.set_last_seen(kSampleStart);
  worker.add_tasks("b12/linux-arm64/builder/r0");
  v1::WorkerView lost = worker;
  lost.mutable_info()->set_name("w2");
  lost.set_connected(false);
  lost.clear_tasks();
  return {worker, lost};
}

v1::ImageView SampleImage() {
  v1::ImageView image;
  image.set_name("docker.io/library/python:3.11");
  image.set_digest("sha256:" + Hash('b'));
  *image.add_platforms() = SamplePlatform("amd64");
  *image.add_platforms() = SamplePlatform("arm64");
  image.set_created_at(kSampleStart);
  image.set_stand_in(true);
  image.set_size_bytes(301'000'000);
  image.set_origin("import");
  return image;
}

TEST(RenderFetchesTest, TextsOfOthersCannotActOnATerminalOrASpreadsheet) {
  v1::FetchRow row;
  row.mutable_platform()->set_os("linux");
  row.mutable_platform()->set_architecture("amd64");
  row.mutable_fetch()->set_method("=cmd");
  row.mutable_fetch()->set_url("http://h/\x1b[31mred\r\n");
  row.mutable_fetch()->set_error("\x07,\xff");
  const std::string table = RenderFetches({row}, {}, {200, false});
  const std::string csv = FetchesCsv({row});
  for (const std::string& text : {table, csv}) {
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
    EXPECT_EQ(text.find('\x07'), std::string::npos);
  }
  EXPECT_NE(csv.find(",'=cmd,"), std::string::npos);
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 2);
}

TEST(RenderTablesTest, WorkersAndImages) {
  ExpectGolden(kCliGoldens, "workers.txt",
               RenderWorkers(SampleWorkers(), kSampleStart + 90'000'000'000, {160, false}));
  ExpectGolden(kCliGoldens, "images.txt",
               RenderImages({SampleImage()}, kSampleStart + 90'000'000'000, {120, false}));
}

TEST(JsonOutputTest, Documents) {
  const BuildReport report = SampleReport();
  ExpectGolden(kCliGoldens, "build.json", WriteJsonPretty(BuildJson(report)) + "\n");
  ExpectGolden(kCliGoldens, "build-row.json", WriteJsonPretty(BuildRowJson(report.build)) + "\n");
  ExpectGolden(kCliGoldens, "diff.json",
               WriteJsonPretty(DiffJson(report.build, {report.build.cells(0).comparison()})) + "\n");
  ExpectGolden(kCliGoldens, "worker.json", WriteJsonPretty(WorkerJson(SampleWorkers()[0])) + "\n");
  ExpectGolden(kCliGoldens, "image.json", WriteJsonPretty(ImageJson(SampleImage())) + "\n");
  ExpectGolden(kCliGoldens, "metadata.json", WriteJsonPretty(MetadataJson(report.build)) + "\n");
}

TEST(JsonOutputTest, ErrorsCarryCodeMessageAndHint) {
  EXPECT_EQ(WriteJson(ErrorJson(WithHint(absl::UnavailableError("away"), "start it"))),
            R"({"error":{"code":"unavailable","message":"away","hint":"start it"}})");
  EXPECT_EQ(WriteJson(ErrorJson(absl::NotFoundError("no build 9"))),
            R"({"error":{"code":"not_found","message":"no build 9","hint":null}})");
}

// A build under way: events as the coordinator sends them.
std::vector<v1::BuildEvent> SampleEvents() {
  std::vector<v1::BuildEvent> events;
  const auto add = [&](double seconds) -> v1::BuildEvent& {
    v1::BuildEvent event;
    event.set_number(static_cast<int64_t>(events.size()) + 1);
    event.set_time(kSampleStart + static_cast<int64_t>(seconds * 1e9));
    events.push_back(event);
    return events.back();
  };
  add(0).mutable_status_changed()->set_status(v1::BUILD_STATUS_PLANNING);
  auto* base = add(0.5).mutable_base_pinned();
  base->set_reference("python:3.11");
  *base->mutable_platform() = SamplePlatform("amd64");
  base->set_manifest_digest("sha256:" + Hash('b'));
  base->set_stand_in(true);
  auto* planned = add(0.6).mutable_planned();
  v1::BuildView plan = SampleReport().build;
  for (v1::StageView& stage : *plan.mutable_stages()) {
    for (v1::StepView& step : *stage.mutable_steps()) {
      v1::StepView waiting;
      waiting.set_number(step.number());
      waiting.set_text(step.text());
      waiting.set_instruction(step.instruction());
      waiting.set_status(step.status() == v1::STEP_STATUS_METADATA ? v1::STEP_STATUS_METADATA
                                                                   : v1::STEP_STATUS_WAITING);
      step = waiting;
    }
    *planned->add_stages() = stage;
  }
  for (const v1::CellView& cell : plan.cells()) {
    v1::CellPlan* cell_plan = planned->add_cells();
    *cell_plan->mutable_platform() = cell.platform();
    cell_plan->set_target_stage(cell.target_stage());
  }
  add(0.7).mutable_status_changed()->set_status(v1::BUILD_STATUS_RUNNING);
  // Whole steps, as the coordinator sends them; `replica` says whose part is news.
  const v1::BuildView done = SampleReport().build;
  std::map<std::pair<uint32_t, uint32_t>, v1::StepView> steps;
  const auto step = [&](double seconds, uint32_t stage, uint32_t number, v1::StepStatus status,
                        uint32_t replica = 0) {
    const v1::StepView& last = done.stages(static_cast<int>(stage)).steps(static_cast<int>(number) - 2);
    v1::StepView& now = steps[{stage, number}];
    if (replica == 0) {
      const auto replicas = now.replicas();
      now = last;
      now.set_status(status);
      *now.mutable_replicas() = replicas;
    } else {
      if (now.replicas().empty()) now.add_replicas();
      *now.mutable_replicas(0) = last.replicas(0);
      now.mutable_replicas(0)->set_status(status);
      if (status == v1::STEP_STATUS_RUNNING) now.mutable_replicas(0)->clear_layer();
    }
    auto* changed = add(seconds).mutable_step_changed();
    changed->set_stage(stage);
    changed->set_replica(replica);
    *changed->mutable_step() = now;
  };
  step(1, 0, 2, v1::STEP_STATUS_RUNNING);
  step(1.2, 2, 2, v1::STEP_STATUS_RUNNING);
  step(1.3, 0, 2, v1::STEP_STATUS_RUNNING, 1);
  step(35.2, 0, 2, v1::STEP_STATUS_EXECUTED);
  step(35.3, 0, 3, v1::STEP_STATUS_CACHED);
  step(35.4, 0, 4, v1::STEP_STATUS_RUNNING);
  step(35.5, 2, 2, v1::STEP_STATUS_EXECUTED);
  step(35.6, 2, 2, v1::STEP_STATUS_EXECUTED, 1);
  auto* notice = add(36).mutable_notice();
  notice->set_warning(true);
  notice->set_text("worker w3 was silent for 30 s: its task goes to another");
  return events;
}

TEST(RenderPlainTest, EventsBecomeLinesWithTheirStep) {
  BuildModel model(12);
  std::string text;
  for (const v1::BuildEvent& event : SampleEvents()) {
    ASSERT_TRUE(model.Apply(event));
    text += RenderPlainEvent(event, model, false);
  }
  // The replica of the step that differs, at its end.
  v1::BuildEvent differing = SampleEvents()[6];
  ASSERT_EQ(differing.step_changed().replica(), 1u);
  differing.set_number(100);
  *differing.mutable_step_changed()->mutable_step() = SampleReport().build.stages(0).steps(0);
  ASSERT_TRUE(model.Apply(differing));
  text += RenderPlainEvent(differing, model, false);
  ConsoleLine line{105, 0, 0, 4, kSampleStart + 47'700'000'000, "Collecting numpy"};
  text += RenderPlainLine(line, model, false);
  line.replica = 1;
  EXPECT_EQ(RenderPlainLine(line, model, false), "");
  ExpectGolden(kCliGoldens, "plain.txt", text);
}

class RenderLiveTest : public testing::Test {
 protected:
  RenderLiveTest() {
    for (const v1::BuildEvent& event : SampleEvents()) model_.Apply(event);
    state_.model = &model_;
    for (int i = 0; i < 6; ++i)
      state_.tails[{0, 0, 4}].push_back("line " + std::to_string(i) + " of a long console " +
                                        std::string(80, '.'));
  }
  std::string Draw(TerminalSize size, bool colour = false) {
    std::string text;
    for (const std::string& line : RenderLive(state_, kSampleStart + 50'000'000'000, 3, size, colour))
      text += line + "\n";
    return text;
  }
  BuildModel model_{12};
  LiveState state_;
};

TEST_F(RenderLiveTest, RunningStepsWithTheirLastLines) {
  ExpectGolden(kCliGoldens, "live.txt", Draw({100, 40}));
}
TEST_F(RenderLiveTest, Colours) { ExpectGolden(kCliGoldens, "live-colour.txt", Draw({100, 40}, true)); }

TEST_F(RenderLiveTest, SmallTerminalKeepsWhatRuns) {
  ExpectGolden(kCliGoldens, "live-small.txt", Draw({60, 8}));
  for (int height = 3; height < 12; ++height) {
    const auto lines = RenderLive(state_, kSampleStart, 0, {50, height}, false);
    EXPECT_LT(static_cast<int>(lines.size()), height);
    for (const std::string& line : lines) EXPECT_LT(DisplayWidth(line), 50) << line;
  }
}

TEST_F(RenderLiveTest, BeforeTheBuildOneLineSaysWhatGoesOn) {
  LiveState state;
  EXPECT_TRUE(RenderLive(state, 0, 0, {80, 24}, false).empty());
  state.activity = "sending the context";
  EXPECT_EQ(RenderLive(state, 0, 0, {80, 24}, false), std::vector<std::string>{"⠋ sending the context"});
}

// The sample's first platform with a replica that failed in its first step.
v1::BuildView FlakyBuild() {
  v1::BuildView build = SampleReport().build;
  v1::ReplicaStep& replica = *build.mutable_stages(0)->mutable_steps(0)->mutable_replicas(0);
  replica.set_status(v1::STEP_STATUS_FAILED);
  replica.clear_layer();
  replica.set_exit_code(3);
  replica.set_failure("exit code 3");
  v1::CellComparison& comparison = *build.mutable_cells(0)->mutable_comparison();
  comparison.set_verdict(v1::VERDICT_FLAKY);
  comparison.set_level("none");
  comparison.set_image_digests(1, "");
  v1::StepComparison& step = *comparison.mutable_steps(0);
  step.set_reaches_image(false);
  step.clear_differences();
  step.set_differences_total(0);
  step.mutable_witnesses(1)->clear_layer();
  step.mutable_witnesses(1)->set_failure("exit code 3");
  return build;
}

TEST(RenderVerdictTest, AnExecutionThatFailedIsNotADifference) {
  const v1::BuildView build = FlakyBuild();
  const std::string text = RenderVerdict(build, build.cells(0), {}, 10);
  EXPECT_NE(text.find("failed on w2: exit code 3; layer: w1 "), std::string::npos) << text;
  EXPECT_NE(text.find("no image"), std::string::npos) << text;
  for (const char* lie : {"equal", "paths differ", "reaches the image"}) {
    EXPECT_EQ(text.find(lie), std::string::npos) << lie << "\n" << text;
  }
  EXPECT_NE(RenderCell(build, build.cells(0), {}).find("flaky"), std::string::npos);
}

TEST(RenderVerdictTest, WhatWasNormalizedIsTold) {
  BuildReport report = SampleReport();
  EXPECT_EQ(RenderReport(report, {120, false}).find("normalized"), std::string::npos);
  v1::BuildView& build = report.build;
  for (const int number : {0, 1}) {
    v1::StepView& step = *build.mutable_stages(0)->mutable_steps(number);
    v1::Normalization& files = *step.add_normalizations();
    files.set_rule("apt-logs");
    files.set_files(2);
    files.add_package_files("var/log/a\x1b");
    v1::Normalization& variables = *step.add_normalizations();
    variables.set_rule("python-hash-seed");
    variables.add_variables("PYTHONHASHSEED=0");
  }
  const std::string text = RenderNormalizations(build, build.cells(0), {120, false});
  EXPECT_NE(text.find("apt-logs          2 steps    4 files\n"), std::string::npos) << text;
  EXPECT_NE(text.find("python-hash-seed  2 steps    PYTHONHASHSEED=0\n"), std::string::npos) << text;
  EXPECT_NE(text.find("package's  /var/log/a"), std::string::npos) << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos) << text;
  EXPECT_NE(RenderVerdict(build, build.cells(0), {120, false}, 10).find("; normalized\n"), std::string::npos);
  // The other platform's steps were not.
  EXPECT_EQ(RenderNormalizations(build, build.cells(1), {120, false}), "");
  EXPECT_EQ(RenderVerdict(build, build.cells(1), {120, false}, 10).find("normalized"), std::string::npos);
  const Json step = BuildJson(report)["stages"][0]["steps"][0];
  EXPECT_EQ(step["normalizations"][0]["rule"], "apt-logs");
  EXPECT_EQ(step["normalizations"][0]["files"], 2);
  EXPECT_EQ(step["normalizations"][1]["variables"][0], "PYTHONHASHSEED=0");
}

TEST(RenderVerdictTest, LayersBesideAFailureDifferAsEver) {
  v1::BuildView build = SampleReport().build;
  v1::StepComparison& step = *build.mutable_cells(0)->mutable_comparison()->mutable_steps(0);
  v1::Witness& failed = *step.add_witnesses();
  failed.set_worker("w3");
  failed.set_failure("exit code 3");
  const std::string text = RenderVerdict(build, build.cells(0), {}, 1);
  EXPECT_NE(
      text.find("failed on w3: exit code 3; 15 paths differ; none of it reaches the image; layers: w1 "),
      std::string::npos)
      << text;
}

TEST(RenderPlainTest, AReplicaThatFailedSaysWithWhat) {
  BuildModel model(12);
  for (const v1::BuildEvent& event : SampleEvents()) model.Apply(event);
  v1::BuildEvent event = SampleEvents()[6];
  event.set_number(100);
  *event.mutable_step_changed()->mutable_step() = FlakyBuild().stages(0).steps(0);
  const std::string text = RenderPlainEvent(event, model, false);
  EXPECT_NE(text.find("replica 1 FAILED: exit code 3 on w2"), std::string::npos) << text;
}

TEST(BuildModelTest, EventAppliedTwiceCountsOnce) {
  BuildModel model(12);
  const auto events = SampleEvents();
  for (const v1::BuildEvent& event : events) EXPECT_TRUE(model.Apply(event));
  const std::string before = model.view().SerializeAsString();
  for (const v1::BuildEvent& event : events) EXPECT_FALSE(model.Apply(event));
  EXPECT_EQ(model.view().SerializeAsString(), before);
  EXPECT_EQ(model.last_event(), static_cast<int64_t>(events.size()));
}

TEST(BuildModelTest, ReplicaChangesDoNotTouchTheFirstExecution) {
  BuildModel model(12);
  for (const v1::BuildEvent& event : SampleEvents()) model.Apply(event);
  const v1::StepView* step = model.Step(0, 2);
  ASSERT_NE(step, nullptr);
  EXPECT_EQ(step->status(), v1::STEP_STATUS_EXECUTED);
  ASSERT_EQ(step->replicas_size(), 1);
  EXPECT_EQ(step->replicas(0).status(), v1::STEP_STATUS_RUNNING);
  EXPECT_EQ(model.StartedAt(0, 1, 2), kSampleStart + 1'300'000'000);
}

TEST(RenderTest, WorkersCannotWriteIntoTheTerminal) {
  v1::WorkerView worker;
  const std::string hostile = "a\x1b[2J\nw9  connected\xe2\x80\xae\xc2\x9b";
  worker.mutable_info()->set_name(hostile);
  worker.mutable_info()->set_host_name(hostile);
  worker.mutable_info()->set_runtime(hostile);
  worker.mutable_info()->set_pool(hostile);
  worker.mutable_info()->set_cpu_model(hostile);
  worker.mutable_info()->add_platforms()->mutable_platform()->set_architecture(hostile);
  worker.add_tasks(hostile);
  worker.set_connected(true);
  const std::string text = RenderWorkers({worker}, 0, {400, false});
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2) << text;
  v1::DistrustWorkerResponse distrust;
  v1::ReachedBuild& build = *distrust.add_builds();
  build.add_tags(hostile);
  distrust.add_images(hostile);
  const std::string told = RenderDistrust(hostile, distrust);
  EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 4) << told;
  for (const std::string& output : {text, told}) {
    for (const char* forbidden : {"\x1b", "\xe2\x80\xae", "\xc2\x9b"})
      EXPECT_EQ(output.find(forbidden), std::string::npos) << output;
  }
}

}  // namespace
}  // namespace crossmill::cli
