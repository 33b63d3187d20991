#include "tests/bench/wide_build.h"

#include <cstdlib>

#include "absl/time/clock.h"
#include "common/base/digest.h"
#include "common/base/status.h"
#include "common/words/platform.h"
#include "coordinator/storage/record_store.h"
#include "tests/bench/checked.h"

namespace crossmill {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int kStages = 60;
constexpr const char* kPlatforms[] = {"linux/amd64",    "linux/arm64",   "linux/arm/v7",  "linux/arm/v6",
                                      "linux/386",      "linux/riscv64", "linux/ppc64le", "linux/s390x",
                                      "linux/mips64le", "linux/loong64", "linux/mips64",  "linux/amd64/v3"};

v1::Layer LayerOf(const std::string& name) {
  v1::Layer layer;
  ToProto(DigestOf(name), layer.mutable_tar());
  ToProto(DigestOf(name + " manifest"), layer.mutable_manifest());
  return layer;
}

std::string Recipe() {
  std::string text;
  for (int i = 0; i < kStages; ++i)
    text += fmt::format("FROM debian:12 AS stage{}\nRUN make part-{}\nCOPY . /out\n", i, i);
  return text;
}

void SetTimes(int64_t at, int64_t seconds, auto* execution) {
  execution->set_started_at(at);
  execution->set_finished_at(at + seconds * kSecond);
  execution->set_seconds(static_cast<double>(seconds));
}

v1::StepView StepOf(int stage, uint32_t number, const std::string& platform, int64_t begin) {
  v1::StepView step;
  const std::string name = fmt::format("{} {} {}", platform, stage, number);
  step.set_number(number);
  step.set_instruction(number == 2 ? "RUN" : "COPY");
  step.set_text(number == 2 ? fmt::format("RUN make part-{}", stage) : "COPY . /out");
  step.mutable_range()->set_file("Dockerfile");
  step.mutable_range()->set_first_line(static_cast<uint32_t>(stage) * 3 + number);
  step.mutable_range()->set_last_line(step.range().first_line());
  step.set_status(v1::STEP_STATUS_EXECUTED);
  step.set_key(DigestOf("key of " + name).hash);
  step.set_worker(fmt::format("w{}", stage % 6));
  step.set_content_bytes(100'000);
  *step.mutable_layer() = LayerOf(name);
  SetTimes(begin, 1 + stage * 7 % 90, &step);
  v1::ReplicaStep& replica = *step.add_replicas();
  replica.set_replica(1);
  replica.set_status(v1::STEP_STATUS_EXECUTED);
  replica.set_worker(fmt::format("w{}", (stage + 1) % 6));
  *replica.mutable_layer() = step.layer();
  SetTimes(step.finished_at(), 1 + stage * 7 % 90, &replica);
  return step;
}

void AddPlatform(const v1::Platform& platform, v1::BuildView* view) {
  v1::CellView cell;
  *cell.mutable_platform() = platform;
  cell.set_status(v1::BUILD_STATUS_SUCCEEDED);
  cell.set_seconds(1400);
  cell.set_image_digest(fmt::format("sha256:{}", DigestOf(FormatPlatform(platform)).hash));
  cell.set_image_bytes(400'000'000);
  v1::CellComparison& comparison = *cell.mutable_comparison();
  *comparison.mutable_platform() = platform;
  comparison.set_verdict(v1::VERDICT_REPRODUCIBLE);
  comparison.set_level("image");
  comparison.set_hosts(2);
  comparison.set_executions(2);
  for (int i = 0; i < kStages; ++i) {
    v1::StageView& stage = *view->add_stages();
    stage.set_index(static_cast<uint32_t>(view->stages_size()) - 1);
    stage.set_name(fmt::format("stage{}", i));
    *stage.mutable_platform() = platform;
    stage.set_from_text(fmt::format("FROM debian:12 AS stage{}", i));
    stage.mutable_from_range()->set_file("Dockerfile");
    stage.mutable_from_range()->set_first_line(static_cast<uint32_t>(i) * 3 + 1);
    stage.set_base(-1);
    stage.set_size_bytes(400'000'000);
    for (const uint32_t number : {2U, 3U})
      *stage.add_steps() = StepOf(i, number, FormatPlatform(platform), view->created_at() + i * 20 * kSecond);
    // An entry of each step that was executed, as a comparison of a verified build has it.
    for (const v1::StepView& step : stage.steps()) {
      v1::StepComparison& compared = *comparison.add_steps();
      compared.set_stage(stage.index());
      compared.set_stage_name(stage.name());
      compared.set_step_number(step.number());
      *compared.mutable_range() = step.range();
      compared.set_text(step.text());
      compared.set_agrees(true);
      for (const std::string& worker : {step.worker(), step.replicas(0).worker()}) {
        v1::Witness& witness = *compared.add_witnesses();
        witness.set_worker(worker);
        witness.set_host_id(worker);
        witness.set_host_name("host-" + worker);
        *witness.mutable_layer() = step.layer();
      }
    }
    cell.set_target_stage(stage.index());
    cell.add_stages(stage.index());
  }
  *view->add_cells() = cell;
}

}  // namespace

int64_t MakeWideBuild(const std::string& data_folder) {
  const auto store = Checked(storage::RecordStore::Open(data_folder + "/record.db"));
  const int64_t now = absl::ToUnixNanos(absl::Now());
  v1::BuildSubmission submission;
  submission.mutable_recipe()->set_dockerfile(Recipe());
  submission.mutable_recipe()->set_dockerfile_name("Dockerfile");
  submission.mutable_options()->add_tags("registry.example/wide:1");
  submission.mutable_options()->set_verify(2);
  for (const char* platform : kPlatforms)
    *submission.mutable_options()->add_platforms() = Checked(ParsePlatform(platform));
  const int64_t id = Checked(store->InsertBuild(submission, "", DigestOf("wide").hash, now - 1500 * kSecond));
  v1::BuildView view = Checked(store->LoadView(id));
  for (const v1::Platform& platform : submission.options().platforms()) AddPlatform(platform, &view);
  view.set_status(v1::BUILD_STATUS_SUCCEEDED);
  view.set_planned_at(view.created_at() + kSecond);
  view.set_finished_at(now);
  view.set_index_digest(fmt::format("sha256:{}", DigestOf("wide index").hash));
  Check(store->SaveView(id, view));
  return id;
}

}  // namespace crossmill
