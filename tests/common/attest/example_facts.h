// An execution and a build that statements can be made of.
#pragma once

#include <string>

#include "common/attest/execution_statement.h"
#include "common/attest/packages_statement.h"
#include "common/attest/provenance_statement.h"
#include "common/attest/verdict_statement.h"
#include "common/base/digest.h"
#include "common/words/platform.h"

namespace crossmill::attest {

// A SHA-256 that is told from others by `seed`.
inline std::string Hash(char seed) {
  const std::string digits = "0123456789abcdef";
  return digits.find(seed) == std::string::npos ? Sha256Hex(std::string(1, seed)) : std::string(64, seed);
}

struct ExampleExecution {
  ExampleExecution() {
    step.set_instruction("RUN");
    step.set_text("RUN make");
    step.mutable_run();
    result.mutable_layer()->mutable_tar()->set_hash(Hash('d'));
    result.mutable_layer()->mutable_tar()->set_size_bytes(1024);
    result.mutable_layer()->mutable_manifest()->set_hash(Hash('3'));
    result.set_emulated(true);
    result.set_started_at(1'700'000'000'000'000'000);
    result.set_finished_at(1'700'000'001'000'000'000);
    v1::Circumstance& circumstance = *result.add_circumstances();
    circumstance.set_aspect(v1::ASPECT_HOST_NAME);
    circumstance.set_value("crossmill");
    circumstance.set_limit("static programs");
    v1::Fetch& seen = *result.mutable_fetches()->add_fetches();
    seen.set_url("http://index.example/x-1.whl");
    seen.set_sha256(Hash('f'));
    result.mutable_fetches()->add_fetches()->set_host("tunnel.example");
    result.mutable_fetches()->add_more()->set_fetches(3);
    worker.set_name("w1");
    worker.set_version("0.1.0");
    worker.set_host_id("boot-1");
  }

  ExecutionFacts facts() const {
    return {&platform, {Digest{Hash('1'), 10}, Digest{Hash('2'), 20}}, &step, key, &result, &worker};
  }

  v1::Platform platform = *ParsePlatform("linux/arm64");
  v1::Step step;
  std::string key = Hash('k');
  v1::StepResult result;
  v1::WorkerInfo worker;
};

inline InstalledPackage Installed(const std::string& name, const std::string& version, v1::Outcome outcome,
                                  const std::string& stage, bool in_image_stage) {
  InstalledPackage package;
  package.outcome.set_name(name);
  package.outcome.set_version(version);
  package.outcome.set_outcome(outcome);
  package.outcome.set_scope("runtime");
  package.outcome.set_environment("/usr/local");
  package.outcome.set_installed(true);
  package.stage = stage;
  package.in_image_stage = in_image_stage;
  return package;
}

// One cell with one step that ran on two hosts.
struct ExampleBuild {
  ExampleBuild() {
    view.set_id(12);
    view.set_created_at(1'700'000'000'000'000'000);
    view.set_finished_at(1'700'000'100'000'000'000);
    view.set_index_digest("sha256:" + Hash('9'));
    view.set_farm_version("0.1.0");
    AddStage();
    AddCell();
    AddSources();
  }

  const v1::CellView& cell() const { return view.cells(0); }
  v1::CellComparison& comparison() { return *view.mutable_cells(0)->mutable_comparison(); }

  VerdictFacts verdict() const { return {&view.cells(0), &view, {{101, {Hash('5'), Hash('6')}}}}; }

  ProvenanceFacts provenance() const {
    return {&view.cells(0), &view, &submission, {{"http://index.example/x-1.whl", Hash('f')}}, 7, "KEY"};
  }

  v1::BuildView view;
  v1::BuildSubmission submission;

 private:
  void AddStage() {
    v1::PinnedImage& base = *view.add_bases();
    base.set_reference("docker.io/library/python:3.11");
    base.set_manifest_digest("sha256:" + Hash('b'));
    base.set_stand_in(true);
    *base.mutable_platform() = *ParsePlatform("linux/amd64");
    v1::StageView& stage = *view.add_stages();
    stage.set_name("builder");
    v1::StepView& step = *stage.add_steps();
    step.set_number(2);
    step.set_key(Hash('k'));
  }

  void AddWitness(const std::string& worker, const std::string& host, int64_t execution) {
    v1::Witness& witness = *comparison().mutable_steps(0)->add_witnesses();
    witness.set_worker(worker);
    witness.set_host_id(host);
    witness.set_execution(execution);
    witness.mutable_layer()->mutable_tar()->set_hash(Hash('d'));
  }

  void AddCell() {
    v1::CellView& cell = *view.add_cells();
    *cell.mutable_platform() = *ParsePlatform("linux/amd64");
    cell.mutable_image_manifest()->set_hash(Hash('a'));
    cell.set_image_digest("sha256:" + Hash('a'));
    cell.add_stages(0);
    v1::CellComparison& comparison = *cell.mutable_comparison();
    comparison.set_verdict(v1::VERDICT_REPRODUCIBLE);
    comparison.set_level("image");
    comparison.set_reason("2 executions on 2 hosts gave the same bytes");
    comparison.set_hosts(2);
    comparison.set_executions(2);
    comparison.add_varied(v1::ASPECT_CLOCK);
    comparison.add_equal(v1::ASPECT_KERNEL);
    v1::StepComparison& step = *comparison.add_steps();
    step.set_stage_name("builder");
    step.set_step_number(2);
    step.mutable_range()->set_file("Dockerfile");
    step.mutable_range()->set_first_line(2);
    step.set_agrees(true);
    AddWitness("w1", "boot-1", 101);
    AddWitness("w2", "boot-2", 102);
  }

  void AddSources() {
    v1::RemoteSource& file = *view.add_remote_sources();
    file.set_url("https://me:s3cret@example.com/a.tar");
    file.set_digest("sha256:" + Hash('7'));
    v1::RemoteSource& git = *view.add_remote_sources();
    git.set_url("https://example.com/b.git");
    git.set_commit("abc");
    v1::Recipe& recipe = *submission.mutable_recipe();
    recipe.set_dockerfile("FROM python:3.11\n");
    recipe.set_dockerfile_name("Dockerfile");
    recipe.mutable_context_root()->set_hash(Hash('c'));
    v1::BuildArgument& argument = *recipe.add_build_arguments();
    argument.set_name("VERSION");
    argument.set_value("1");
  }
};

}  // namespace crossmill::attest
