// A finished build with everything a report can show, for rendering and JSON tests.
#pragma once

#include <string>
#include <vector>

#include "cli/show/render_build.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/client_service.pb.h"

namespace crossmill::cli {

// Where the texts and documents of the sample are.
inline constexpr char kCliGoldens[] = CROSSMILL_GOLDEN_FOLDER "/cli";

inline constexpr int64_t kSampleStart = 1'700'000'000'000'000'000;

inline std::string Hash(char digit) { return std::string(64, digit); }

inline v1::Platform SamplePlatform(const std::string& architecture) {
  v1::Platform platform;
  platform.set_os("linux");
  platform.set_architecture(architecture);
  return platform;
}

inline v1::StepView SampleStep(uint32_t number, const std::string& instruction, const std::string& text,
                               uint32_t line, v1::StepStatus status, double seconds, char digit,
                               int64_t bytes) {
  v1::StepView step;
  step.set_number(number);
  step.set_instruction(instruction);
  step.set_text(text);
  step.mutable_range()->set_file("Dockerfile");
  step.mutable_range()->set_first_line(line);
  step.mutable_range()->set_last_line(line);
  step.set_status(status);
  step.set_seconds(seconds);
  if (bytes >= 0) {
    step.mutable_layer()->mutable_tar()->set_hash(Hash(digit));
    step.mutable_layer()->mutable_tar()->set_size_bytes(bytes);
    step.mutable_layer()->mutable_manifest()->set_hash(Hash('e'));
    step.mutable_layer()->mutable_manifest()->set_size_bytes(100);
    step.set_content_bytes(bytes);
  }
  if (status == v1::STEP_STATUS_EXECUTED || status == v1::STEP_STATUS_FAILED) {
    step.set_worker("w1");
    step.set_execution(line + 100);
    step.set_started_at(kSampleStart + line * 1'000'000'000);
    step.set_finished_at(step.started_at() + static_cast<int64_t>(seconds * 1e9));
  }
  return step;
}

inline void AddSampleReplica(char digit, v1::StepView* step) {
  v1::ReplicaStep* replica = step->add_replicas();
  replica->set_replica(1);
  replica->set_status(v1::STEP_STATUS_EXECUTED);
  replica->set_worker("w2");
  replica->mutable_layer()->mutable_tar()->set_hash(Hash(digit));
  replica->set_seconds(33);
  replica->set_started_at(step->finished_at());
  replica->set_finished_at(replica->started_at() + 33'000'000'000);
}

// Stages 2*i (builder) and 2*i+1 (the target) of one platform.
inline void AddSamplePlatform(const std::string& architecture, bool diverges, v1::BuildView* build) {
  const uint32_t first = static_cast<uint32_t>(build->stages_size());
  const bool emulated = architecture == "arm64";
  v1::PinnedImage* base = build->add_bases();
  base->set_reference("python:3.11");
  *base->mutable_platform() = SamplePlatform(architecture);
  base->set_manifest_digest("sha256:" + Hash('b'));
  base->set_stand_in(true);

  v1::StageView* builder = build->add_stages();
  builder->set_index(first);
  builder->set_name("builder");
  *builder->mutable_platform() = SamplePlatform(architecture);
  builder->set_from_text("FROM python:3.11 AS builder");
  builder->set_base(build->bases_size() - 1);
  builder->set_size_bytes(912'000'000);
  *builder->add_steps() = SampleStep(2, "RUN",
                                     "RUN apt-get update && apt-get install -y --no-install-recommends gcc "
                                     "libpq-dev && rm -rf /var/lib/apt/lists/*",
                                     3, v1::STEP_STATUS_EXECUTED, 34.2, '1', 120'000'000);
  AddSampleReplica(diverges ? '9' : '1', builder->mutable_steps(0));
  *builder->add_steps() =
      SampleStep(3, "COPY", "COPY requirements.txt .", 4, v1::STEP_STATUS_CACHED, 0.1, '2', 2048);
  *builder->add_steps() = SampleStep(4, "RUN", "RUN pip install --user -r requirements.txt", 5,
                                     v1::STEP_STATUS_EXECUTED, 95.5, '3', 88'000'000);
  AddSampleReplica('3', builder->mutable_steps(2));
  for (v1::StepView& step : *builder->mutable_steps()) step.set_emulated(emulated);

  v1::StageView* target = build->add_stages();
  target->set_index(first + 1);
  target->set_name("runtime");
  *target->mutable_platform() = SamplePlatform(architecture);
  target->set_from_text("FROM python:3.11-slim AS runtime");
  target->set_base(-1);
  target->set_size_bytes(152'000'000);
  *target->add_steps() = SampleStep(2, "COPY", "COPY --from=builder /root/.local /root/.local", 8,
                                    v1::STEP_STATUS_EXECUTED, 1.4, '4', 88'000'000);
  *target->add_steps() =
      SampleStep(3, "ENV", "ENV PATH=/root/.local/bin:$PATH", 9, v1::STEP_STATUS_METADATA, 0, '0', -1);

  v1::CellView* cell = build->add_cells();
  *cell->mutable_platform() = SamplePlatform(architecture);
  cell->set_status(v1::BUILD_STATUS_SUCCEEDED);
  cell->set_image_digest("sha256:" + Hash(emulated ? 'd' : 'c'));
  cell->set_image_bytes(152'000'000);
  cell->set_all_stages_bytes(1'064'000'000);
  cell->set_target_stage(first + 1);
  cell->add_stages(first);
  cell->add_stages(first + 1);
  cell->set_emulated(emulated);
  cell->set_seconds(emulated ? 178.3 : 62.0);
  v1::CellComparison* comparison = cell->mutable_comparison();
  *comparison->mutable_platform() = cell->platform();
  comparison->set_verdict(diverges ? v1::VERDICT_UNREPRODUCIBLE : v1::VERDICT_REPRODUCIBLE);
  comparison->set_level(diverges ? "exports" : "image");
  comparison->set_same_host(true);
  comparison->set_hosts(1);
  comparison->set_executions(2);
  comparison->add_image_digests(cell->image_digest());
  comparison->add_image_digests("sha256:" + Hash(diverges ? 'a' : emulated ? 'd' : 'c'));
  if (!diverges) return;
  comparison->set_reason("1 of 4 steps differs between executions");
  v1::StepComparison* step = comparison->add_steps();
  step->set_stage(first);
  step->set_stage_name("builder");
  step->set_step_number(2);
  *step->mutable_range() = builder->steps(0).range();
  step->set_text(builder->steps(0).text());
  for (const char digit : {'1', '9'}) {
    v1::Witness* witness = step->add_witnesses();
    witness->set_worker(digit == '1' ? "w1" : "w2");
    witness->set_host_id("boot-1");
    witness->set_host_name("tower");
    witness->mutable_layer()->mutable_tar()->set_hash(Hash(digit));
    witness->mutable_layer()->mutable_manifest()->set_hash(Hash(digit));
    witness->mutable_layer()->mutable_manifest()->set_size_bytes(100);
    witness->set_finished_at(kSampleStart + 40'000'000'000);
  }
  for (int i = 0; i < 12; ++i) {
    v1::PathDifference* difference = step->add_differences();
    difference->set_path("var/log/apt/history-" + std::to_string(i) + ".log");
    difference->set_kind(i == 0 ? v1::PathDifference::KIND_METADATA : v1::PathDifference::KIND_CONTENT);
    if (i == 0) difference->set_detail("mode 0644 != 0600");
  }
  step->set_differences_total(15);
}

inline v1::PackageRow SamplePackage(const std::string& architecture, uint32_t stage, const std::string& name,
                                    const std::string& version, v1::Outcome outcome, double seconds,
                                    const std::string& tag, const std::string& scope = "runtime") {
  v1::PackageRow row;
  *row.mutable_platform() = SamplePlatform(architecture);
  row.set_stage(stage);
  row.set_stage_name("builder");
  row.set_step_number(4);
  row.set_execution(105);
  v1::PackageOutcome* package = row.mutable_package();
  package->set_name(name);
  package->set_version(version);
  package->set_outcome(outcome);
  package->set_scope(scope);
  package->set_tag(tag);
  package->set_seconds(seconds);
  package->add_witnesses("console");
  package->add_witnesses("layer");
  package->set_emulated(architecture == "arm64");
  package->set_installed(scope == "runtime");
  if (package->installed()) package->set_environment("/root/.local");
  return row;
}

// One fetch that was recorded whole, a tunnel, one that was refused; and one more that is only counted.
inline void AddSampleFetches(const std::string& architecture, uint32_t stage, BuildReport* report) {
  v1::FetchRow row;
  *row.mutable_platform() = SamplePlatform(architecture);
  row.set_stage(stage);
  row.set_stage_name("builder");
  row.set_step_number(4);
  row.set_execution(105);
  v1::Fetch& fetch = *row.mutable_fetch();
  fetch.set_kind(v1::Fetch::KIND_HTTP);
  fetch.set_method("GET");
  fetch.set_scheme("http");
  fetch.set_host("index.example");
  fetch.set_port(80);
  fetch.set_url("http://index.example/simple/click/?a=\"b,c\"");
  fetch.set_status(200);
  fetch.set_bytes_down(102'400);
  fetch.set_sha256(Hash('7'));
  fetch.set_started_at(kSampleStart + 50'000'000'000);
  fetch.set_seconds(0.25);
  report->fetches.push_back(row);
  fetch.Clear();
  fetch.set_kind(v1::Fetch::KIND_TUNNEL);
  fetch.set_method("CONNECT");
  fetch.set_host("files.example");
  fetch.set_port(443);
  fetch.set_status(200);
  fetch.set_bytes_up(1'200);
  fetch.set_bytes_down(31'000'000);
  fetch.set_started_at(kSampleStart + 51'000'000'000);
  fetch.set_seconds(3.5);
  report->fetches.push_back(row);
  fetch.set_host("169.254.169.254");
  fetch.set_status(403);
  fetch.set_bytes_up(0);
  fetch.set_bytes_down(0);
  fetch.set_refused_by("metadata");
  fetch.set_seconds(0);
  report->fetches.push_back(row);
  for (const auto& [host, count, bytes] :
       {std::tuple("169.254.169.254", 1, 0), std::tuple("files.example", 2, 32'000'000),
        std::tuple("index.example", 1, 102'400)}) {
    v1::FetchHostRow hosts;
    *hosts.mutable_platform() = row.platform();
    hosts.set_stage(stage);
    hosts.set_stage_name("builder");
    hosts.set_step_number(4);
    hosts.set_execution(105);
    hosts.mutable_host()->set_host(host);
    hosts.mutable_host()->set_fetches(count);
    hosts.mutable_host()->set_bytes_down(bytes);
    hosts.mutable_host()->set_refused(bytes == 0 ? 1 : 0);
    report->fetch_hosts.push_back(hosts);
  }
}

// What is no longer a wheel on one platform, and what is the same on both.
inline void AddSampleChanges(BuildReport* report) {
  for (const char* architecture : {"amd64", "arm64"}) {
    v1::EarlierBuild& earlier = report->earlier.emplace_back();
    *earlier.mutable_platform() = SamplePlatform(architecture);
    earlier.set_build_id(11);
    earlier.set_finished_at(kSampleStart - 3'600'000'000'000);
    earlier.set_recipe("image example/service, Dockerfile");
    v1::PackageChange& version = report->changes.emplace_back();
    *version.mutable_platform() = SamplePlatform(architecture);
    version.set_name("numpy");
    version.set_scope("runtime");
    version.set_kind(v1::PackageChange::KIND_VERSION);
    version.set_version("1.26.4");
    version.set_version_before("1.26.3");
    version.set_outcome(v1::OUTCOME_WHEEL);
    version.set_outcome_before(v1::OUTCOME_WHEEL);
    version.set_seconds(2.1);
    version.set_seconds_before(-1);
    version.set_build_before(11);
  }
  v1::PackageChange& source = report->changes.emplace_back();
  *source.mutable_platform() = SamplePlatform("arm64");
  source.set_name("psycopg2");
  source.set_scope("runtime");
  source.set_kind(v1::PackageChange::KIND_NO_LONGER_WHEEL);
  source.set_version("2.9.9");
  source.set_version_before("2.9.8");
  source.set_outcome(v1::OUTCOME_SOURCE);
  source.set_outcome_before(v1::OUTCOME_WHEEL);
  source.set_seconds(74.8);
  source.set_seconds_before(0.5);
  source.set_build_before(11);
}

inline BuildReport SampleReport() {
  BuildReport report;
  v1::BuildView& build = report.build;
  build.set_id(12);
  build.set_status(v1::BUILD_STATUS_SUCCEEDED);
  build.set_created_at(kSampleStart);
  build.set_finished_at(kSampleStart + 192'400'000'000);
  build.set_dockerfile_name("Dockerfile");
  build.set_index_digest("sha256:" + Hash('f'));
  build.set_planned_at(kSampleStart + 1'000'000'000);
  build.set_epoch(1'690'000'000);
  build.add_warnings("python:3.11 is a stand-in made on this farm");
  *build.mutable_options()->add_platforms() = SamplePlatform("amd64");
  *build.mutable_options()->add_platforms() = SamplePlatform("arm64");
  build.mutable_options()->set_verify(2);
  build.mutable_options()->set_allow_same_host(true);
  build.mutable_options()->set_network(v1::NETWORK_MODE_HOST);
  build.mutable_options()->add_tags("example/service:1.0");
  AddSamplePlatform("amd64", true, &build);
  AddSamplePlatform("arm64", false, &build);
  uint32_t stage = 0;
  for (const char* architecture : {"amd64", "arm64"}) {
    const std::string machine = stage == 0 ? "x86_64" : "aarch64";
    report.packages.push_back(
        SamplePackage(architecture, stage, "click", "8.1.7", v1::OUTCOME_WHEEL, 0.4, "py3-none-any"));
    report.packages.push_back(SamplePackage(architecture, stage, "numpy", "1.26.4", v1::OUTCOME_WHEEL, 2.1,
                                            "cp311-cp311-manylinux_2_17_" + machine));
    report.packages.push_back(SamplePackage(architecture, stage, "psycopg2", "2.9.9", v1::OUTCOME_SOURCE,
                                            stage == 0 ? 11.2 : 74.8, "cp311-cp311-linux_" + machine));
    report.packages.push_back(SamplePackage(architecture, stage, "setuptools", "69.0.3", v1::OUTCOME_WHEEL,
                                            -1, "py3-none-any", "build-dep"));
    AddSampleFetches(architecture, stage, &report);
    stage += 2;
  }
  // psycopg2 on arm64 was emulated here.
  v1::OtherWay& native = *report.packages[6].mutable_other_way();
  native.set_seconds(9.6);
  native.set_build_id(7);
  native.set_execution(44);
  AddSampleChanges(&report);
  return report;
}

// A build whose RUN on arm64 exited with 1.
inline BuildReport FailedReport() {
  BuildReport report;
  v1::BuildView& build = report.build;
  build.set_id(13);
  build.set_status(v1::BUILD_STATUS_FAILED);
  build.set_message("linux/arm64 builder 3/3: exit code 1");
  build.set_created_at(kSampleStart);
  build.set_finished_at(kSampleStart + 8'000'000'000);
  v1::StageView* stage = build.add_stages();
  stage->set_name("builder");
  *stage->mutable_platform() = SamplePlatform("arm64");
  stage->set_from_text("FROM scratch AS builder");
  stage->set_base(-1);
  *stage->add_steps() = SampleStep(2, "COPY", "COPY app.py /", 4, v1::STEP_STATUS_EXECUTED, 0.2, '5', 1024);
  *stage->add_steps() =
      SampleStep(3, "RUN", "RUN python -m build && false", 6, v1::STEP_STATUS_FAILED, 3.2, '0', -1);
  stage->mutable_steps(1)->mutable_range()->set_last_line(7);
  stage->mutable_steps(1)->set_exit_code(1);
  stage->mutable_steps(1)->set_emulated(true);
  v1::CellView* cell = build.add_cells();
  *cell->mutable_platform() = SamplePlatform("arm64");
  cell->set_status(v1::BUILD_STATUS_FAILED);
  cell->add_stages(0);
  cell->set_emulated(true);
  report.failures.push_back(
      {0, 3, {"Traceback (most recent call last):", "ModuleNotFoundError: No module named 'build'"}});
  report.dockerfile =
      "# a comment\nARG X=1\nFROM scratch AS builder\nCOPY app.py /\n\nRUN python -m build \\\n    && "
      "false\nCMD [\"/app\"]\n";
  return report;
}

}  // namespace crossmill::cli
