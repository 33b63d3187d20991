#include "tests/bench/list_record.h"

#include <algorithm>
#include <cstdio>
#include <random>
#include <vector>

#include "absl/time/clock.h"
#include "common/base/digest.h"
#include "common/base/status.h"
#include "common/words/platform.h"
#include "coordinator/storage/farm_wheel_records.h"
#include "coordinator/storage/image_records_sqlite.h"
#include "coordinator/storage/record_store.h"
#include "tests/bench/checked.h"

namespace crossmill {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kDays = 730;
constexpr int kRecipes = 300;
constexpr int kPerTransaction = 2'000;
// Any SHA-256.
constexpr const char* kHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

struct ListRecipe {
  std::string image;
  std::vector<v1::Platform> platforms;
  int team = 0;
};

class ListRecordMaker {
 public:
  ListRecordMaker(storage::RecordStore& store, int64_t builds, int64_t now)
      : store_(store), builds_(builds), now_(now) {
    for (int i = 0; i < kRecipes; ++i) {
      ListRecipe& recipe = recipes_.emplace_back();
      recipe.image = fmt::format("registry.example/team{}/service{}", i % 20, i);
      recipe.team = i % 20;
      for (const char* platform : {"linux/amd64", "linux/arm64", "linux/arm/v7"}) {
        if (static_cast<int>(recipe.platforms.size()) <= i % 3)
          recipe.platforms.push_back(Checked(ParsePlatform(platform)));
      }
    }
  }

  int64_t Make() {
    for (int64_t made = 0; made < builds_;) {
      Check(store_.Transact([&] {
        for (int i = 0; i < kPerTransaction && made < builds_; ++i) Build(made++);
        return absl::OkStatus();
      }));
      if (made % 20'000 == 0) std::fprintf(stderr, "%ld of %ld builds\n", made, builds_);
    }
    MakeWheelsAndImages();
    return newest_build_;
  }

 private:
  v1::BuildSubmission SubmissionOf(const ListRecipe& recipe, int64_t number) {
    v1::BuildSubmission submission;
    submission.mutable_recipe()->set_dockerfile("FROM python:3.12\nRUN pip install -r requirements.txt\n");
    submission.mutable_recipe()->set_dockerfile_name("Dockerfile");
    v1::BuildOptions& options = *submission.mutable_options();
    options.add_tags(fmt::format("{}:{}", recipe.image, number));
    options.set_verify(2);
    for (const v1::Platform& platform : recipe.platforms) *options.add_platforms() = platform;
    v1::BuildArgument& label = *options.add_labels();
    label.set_name("team");
    label.set_value(fmt::format("team{}", recipe.team));
    return submission;
  }

  int64_t Execute(int64_t build, const v1::Platform& platform, uint32_t stage, int64_t at) {
    storage::Execution execution;
    execution.key = kHash;
    execution.build = build;
    execution.stage = stage;
    execution.step_number = 4;
    execution.worker = "w1";
    execution.host_id = "h1";
    execution.platform = FormatPlatform(platform);
    execution.started_at = at + 5 * kSecond;
    const int64_t id = Checked(store_.BeginExecution(execution));
    Check(store_.FinishExecution(id, {}, at + 60 * kSecond));
    std::vector<v1::PackageOutcome> packages(10);
    for (v1::PackageOutcome& package : packages) {
      const int name = static_cast<int>(random_() % 400);
      package.set_name(fmt::format("package-{}", std::min(name, static_cast<int>(random_() % 400))));
      package.set_version(fmt::format("1.{}", at / (90 * 86'400 * kSecond)));
      package.set_outcome(name % 8 == 0 ? v1::OUTCOME_SOURCE : v1::OUTCOME_WHEEL);
      package.set_seconds(name % 8 == 0 ? 30 : 0.4);
      package.set_scope("runtime");
      package.set_installed(true);
    }
    Check(store_.SavePackages(id, packages));
    return id;
  }

  void AddPlatform(const v1::Platform& platform, v1::BuildStatus status, bool executed, int64_t at,
                   v1::BuildView* view) {
    v1::StageView& stage = *view->add_stages();
    stage.set_index(static_cast<uint32_t>(view->stages_size()) - 1);
    stage.set_name("builder");
    *stage.mutable_platform() = platform;
    for (uint32_t number = 2; number < 14; ++number) {
      v1::StepView& step = *stage.add_steps();
      step.set_number(number);
      step.set_instruction("RUN");
      step.set_text("RUN pip install --no-cache-dir -r requirements.txt");
      step.set_key(kHash);
      step.set_seconds(12);
      step.set_status(executed && number == 4 ? v1::STEP_STATUS_EXECUTED : v1::STEP_STATUS_CACHED);
    }
    if (executed) stage.mutable_steps(2)->set_execution(Execute(view->id(), platform, stage.index(), at));
    v1::CellView& cell = *view->add_cells();
    *cell.mutable_platform() = platform;
    cell.set_status(status);
    cell.set_seconds(80);
    cell.add_stages(stage.index());
    cell.set_image_digest(fmt::format("sha256:{}", kHash));
    if (status != v1::BUILD_STATUS_SUCCEEDED) return;
    const uint64_t roll = random_() % 100;
    v1::CellComparison& comparison = *cell.mutable_comparison();
    comparison.set_verdict(roll < 90   ? v1::VERDICT_REPRODUCIBLE
                           : roll < 96 ? v1::VERDICT_UNREPRODUCIBLE
                                       : v1::VERDICT_FLAKY);
    comparison.set_hosts(2);
    comparison.set_executions(2);
    comparison.set_reason("every step gave the same layers on 2 hosts");
  }

  void Build(int64_t number) {
    const ListRecipe& recipe = recipes_[random_() % recipes_.size()];
    const int64_t at = now_ - kDays * 86'400 * kSecond +
                       static_cast<int64_t>(static_cast<double>(number) / static_cast<double>(builds_) *
                                            static_cast<double>(kDays * 86'400) * 1e9);
    const v1::BuildSubmission submission = SubmissionOf(recipe, number);
    const int64_t id = Checked(store_.InsertBuild(submission, "", kHash, at));
    v1::BuildView view = Checked(store_.LoadView(id));
    const uint64_t roll = random_() % 100;
    const v1::BuildStatus status = roll < 90   ? v1::BUILD_STATUS_SUCCEEDED
                                   : roll < 97 ? v1::BUILD_STATUS_FAILED
                                   : roll < 99 ? v1::BUILD_STATUS_CANCELLED
                                               : v1::BUILD_STATUS_INFRASTRUCTURE_FAILED;
    view.set_status(status);
    view.set_finished_at(at + 90 * kSecond);
    if (status == v1::BUILD_STATUS_FAILED)
      view.set_message(
          fmt::format("builder step {} (Dockerfile:7): exit code {}", random_() % 12, random_() % 3));
    const bool executed = random_() % 4 == 0;
    for (const v1::Platform& platform : recipe.platforms) AddPlatform(platform, status, executed, at, &view);
    Check(store_.SaveView(id, view));
    newest_build_ = id;
  }

  void MakeWheelsAndImages() {
    storage::FarmWheelRecords wheels(store_.connection());
    storage::SqliteImageRecords images(store_.connection());
    Check(store_.Transact([&] {
      for (int i = 0; i < 2'000; ++i) {
        storage::FarmWheelRow row;
        row.key = fmt::format("key{}", i);
        row.wheel.set_project(fmt::format("package-{}", i % 400));
        row.wheel.set_version("1.0");
        row.wheel.set_build(1);
        row.platform = "linux/arm64";
        row.compiled_at = now_;
        Check(wheels.Insert(row).status());
      }
      for (int64_t i = 0; i < builds_ / 10; ++i) {
        coordinator::ImageRecord image;
        image.name = fmt::format("registry.example/team{}/service{}:{}", i % 20, i % kRecipes, i);
        image.root = Digest{kHash, 1000};
        image.platforms = recipes_[static_cast<size_t>(i) % recipes_.size()].platforms;
        image.created_at = now_;
        Check(images.PutImage(image));
      }
      return absl::OkStatus();
    }));
  }

  storage::RecordStore& store_;
  const int64_t builds_;
  const int64_t now_;
  std::mt19937_64 random_{20'261'128};
  std::vector<ListRecipe> recipes_;
  int64_t newest_build_ = 0;
};

}  // namespace

int64_t MakeListRecord(const std::string& data_folder, int64_t builds) {
  const auto store = Checked(storage::RecordStore::Open(data_folder + "/record.db"));
  return ListRecordMaker(*store, builds, absl::ToUnixNanos(absl::Now())).Make();
}

}  // namespace crossmill
