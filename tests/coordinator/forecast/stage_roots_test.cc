#include "coordinator/forecast/stage_roots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/status.h"
#include "common/plan/step_key.h"
#include "common/predict/image/root_paths.h"
#include "coordinator/core/build_state.h"
#include "coordinator/forecast/past_compiles.h"
#include "coordinator/storage/record_store.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tar_text.h"

namespace crossmill::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class StageRootsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    records_ = *storage::RecordStore::Open(":memory:");
    build_ = *records_->InsertBuild({}, "", "", 1);
    cache_ = std::make_unique<StepCache>(*records_, *blobs_);
    base_ = Layer(TarText().Add("base", layer::EntryType::kFile, "base"));
    plan_.set_keep_times(true);
    *plan_.add_bases()->add_layers() = base_;
    AddStage();
  }

  v1::StagePlan& AddStage() {
    v1::StagePlan& stage = *plan_.add_stages();
    stage.mutable_platform()->set_os("linux");
    stage.mutable_platform()->set_architecture("amd64");
    stage.set_base_image(0);
    return stage;
  }
  static v1::Step& AddRun(v1::StagePlan& stage, const std::string& text) {
    v1::Step& step = *stage.add_steps();
    step.set_number(stage.steps_size() + 1);
    step.set_instruction("RUN");
    step.mutable_range()->set_first_line(stage.steps_size() + 1);
    for (const std::string& word : {std::string("/bin/sh"), std::string("-c"), text})
      step.mutable_run()->add_argv(word);
    return step;
  }
  v1::Layer Layer(const TarText& tar) {
    v1::Layer layer;
    ToProto(blobs_->PutBytes(tar.Finish()).value(), layer.mutable_tar());
    ToProto(blobs_->PutBytes("manifest of " + tar.Finish()).value(), layer.mutable_manifest());
    return layer;
  }
  int64_t Execute(const v1::StagePlan& stage, const v1::Step& step, const std::vector<v1::Layer>& parents,
                  const v1::Layer& layer, int64_t started = 100) {
    storage::Execution row;
    row.key = plan::StepKey(stage.platform(), core::DiffIds(parents), step, std::nullopt);
    row.build = build_;
    row.step_number = step.number();
    row.started_at = started;
    const int64_t id = *records_->BeginExecution(row);
    v1::StepResult result;
    *result.mutable_layer() = layer;
    EXPECT_OK(records_->FinishExecution(id, result, started + 1));
    return id;
  }
  // What the walk sees at each RUN: names in the root, then doubts.
  std::vector<std::string> Walk(uint32_t stage = 0, int64_t since = 0, bool no_cache = false) {
    std::vector<std::string> seen;
    StageRoots roots(plan_, {*cache_, indexes_, *blobs_}, since, no_cache, {});
    EXPECT_OK(roots.Walk({stage}, [&](const RunPlace& place) {
      std::string text = fmt::format("{}:", place.step->range().first_line());
      const auto listing = place.root->List("/", 100);
      for (const auto& entry : listing->entries) text += " " + entry.name;
      for (const RootDoubt& doubt : place.doubts)
        text += fmt::format(" ?{}{}", doubt.system ? "system " : "", doubt.text);
      seen.push_back(std::move(text));
      return absl::OkStatus();
    }));
    return seen;
  }

  std::unique_ptr<BlobStore> blobs_ = MakeMemoryBlobStore();
  std::unique_ptr<storage::RecordStore> records_;
  std::unique_ptr<StepCache> cache_;
  LayerIndexes indexes_{*blobs_};
  int64_t build_ = 0;
  v1::Layer base_;
  v1::BuildPlan plan_;
};

TEST_F(StageRootsTest, WhatHasRunIsKnownAndWhatHasNotIsDoubted) {
  v1::StagePlan& stage = *plan_.mutable_stages(0);
  AddRun(stage, "make");
  AddRun(stage, "pip install a");
  AddRun(stage, "pip install b");
  EXPECT_THAT(Walk(), ElementsAre("2: base", HasSubstr("3: base ?what RUN on line 2 changes is not known"),
                                  HasSubstr("RUN on line 3")));
  const v1::Layer made = Layer(TarText().Add("made", layer::EntryType::kFile, "x"));
  Execute(stage, stage.steps(0), {base_}, made, 100);
  EXPECT_THAT(Walk(), ElementsAre("2: base", "3: base made", HasSubstr("4: base made ?what RUN on line 3")));
  // A build without the cache has only its own executions.
  EXPECT_THAT(Walk(0, 1000, true)[1], HasSubstr("RUN on line 2"));
  EXPECT_EQ(Walk(0, 50, true)[1], "3: base made");
  EXPECT_EQ(Walk(0, 1000, false)[1], "3: base made");
}

TEST_F(StageRootsTest, AFailedExecutionIsNone) {
  v1::StagePlan& stage = *plan_.mutable_stages(0);
  AddRun(stage, "make");
  AddRun(stage, "pip install a");
  storage::Execution row;
  row.key = plan::StepKey(stage.platform(), core::DiffIds({base_}), stage.steps(0), std::nullopt);
  row.build = build_;
  const int64_t id = *records_->BeginExecution(row);
  v1::StepResult result;
  result.set_exit_code(1);
  ASSERT_OK(records_->FinishExecution(id, result, 5));
  EXPECT_THAT(Walk()[1], HasSubstr("RUN on line 2"));
}

TEST_F(StageRootsTest, TheDistributionsPackagesAreAnotherDoubt) {
  v1::StagePlan& stage = *plan_.mutable_stages(0);
  AddRun(stage, "apt-get update && apt-get install -y gcc && rm -rf /var/lib/apt/lists/*");
  AddRun(stage, "pip install a");
  EXPECT_THAT(Walk()[1], HasSubstr("?system what RUN on line 2"));
}

TEST_F(StageRootsTest, CopiesAndFolders) {
  v1::StagePlan& stage = *plan_.mutable_stages(0);
  v1::Step& workdir = *stage.add_steps();
  workdir.mutable_workdir()->set_path("/work");
  v1::Step& copy = *stage.add_steps();
  copy.mutable_copy()->set_destination("/copied");
  v1::InlineFile& file = *copy.mutable_copy()->add_sources()->mutable_inline_file();
  file.set_name("f");
  file.set_content("x");
  AddRun(stage, "pip install a");
  EXPECT_THAT(Walk(), ElementsAre("4: base copied work"));
}

TEST_F(StageRootsTest, OtherStages) {
  v1::StagePlan& builder = *plan_.mutable_stages(0);
  AddRun(builder, "make");
  v1::Export& made = *builder.add_exports();
  made.set_pattern("/made");
  v1::StagePlan& stage = AddStage();
  v1::Step& copy = *stage.add_steps();
  copy.set_instruction("COPY");
  copy.mutable_range()->set_first_line(5);
  copy.mutable_copy()->set_destination("/taken");
  v1::CopySource& source = *copy.mutable_copy()->add_sources();
  source.set_text("/made");
  *source.mutable_export_()->mutable_export_() = made;
  AddRun(stage, "pip install a");
  EXPECT_THAT(Walk(1),
              ElementsAre("2: base", HasSubstr("3: base ?COPY on line 5: what /made brings is not known")));
  Execute(builder, builder.steps(0), {base_}, Layer(TarText().Add("made", layer::EntryType::kFile, "x")));
  EXPECT_THAT(Walk(1), ElementsAre("2: base", "3: base taken"));
}

// What a mount shows is there during its RUN only.
TEST_F(StageRootsTest, BindMounts) {
  v1::StagePlan& stage = *plan_.mutable_stages(0);
  v1::RunMount& mount = *AddRun(stage, "pip install -r /r.txt").mutable_run()->add_mounts();
  mount.set_type(v1::RunMount::TYPE_BIND);
  mount.set_target("/r.txt");
  v1::ContextMatch& match = *mount.mutable_source()->mutable_context()->add_matches();
  match.set_name("r.txt");
  ToProto(blobs_->PutBytes("a").value(), match.mutable_file());
  AddRun(stage, "pip install b");
  const std::vector<std::string> seen = Walk();
  EXPECT_EQ(seen[0], "2: base r.txt");
  EXPECT_THAT(seen[1], HasSubstr("3: base ?"));
}

TEST_F(StageRootsTest, ALayerThatIsNotThereIsTheStoresFault) {
  plan_.mutable_bases(0)->mutable_layers(0)->mutable_tar()->set_hash(std::string(64, 'a'));
  AddRun(*plan_.mutable_stages(0), "pip install a");
  StageRoots roots(plan_, {*cache_, indexes_, *blobs_}, 0, false, {});
  EXPECT_TRUE(absl::IsNotFound(roots.Walk({0}, [](const RunPlace&) { return absl::OkStatus(); })));
}

TEST_F(StageRootsTest, WhatCompilingTook) {
  v1::StagePlan& stage = *plan_.mutable_stages(0);
  AddRun(stage, "pip install a");
  ASSERT_OK(records_->SavePlan(build_, plan_));
  const auto compiled = [](double seconds, bool emulated, v1::Outcome outcome = v1::OUTCOME_SOURCE) {
    v1::PackageOutcome package;
    package.set_name("demo");
    package.set_version("1.0");
    package.set_outcome(outcome);
    package.set_seconds(seconds);
    package.set_emulated(emulated);
    return package;
  };
  int64_t started = 100;
  for (const v1::PackageOutcome& package : {compiled(50, false), compiled(40, true), compiled(30, false),
                                            compiled(1, false, v1::OUTCOME_WHEEL), compiled(-1, false)}) {
    const int64_t id = Execute(stage, stage.steps(0), {base_}, base_, started += 100);
    ASSERT_OK(records_->SavePackages(id, {package}));
  }
  PastCompiles past(*records_, core::Scope::OfFarm());
  const auto found = past.Find("demo", "1.0");
  ASSERT_OK(found);
  std::vector<std::string> told;
  for (const v1::PastCompile& one : *found)
    told.push_back(fmt::format("{} {} {}", one.platform(), one.seconds(), one.emulated()));
  EXPECT_THAT(told, UnorderedElementsAre("linux/amd64 30 false", "linux/amd64 40 true"));
  EXPECT_THAT(past.Find("demo", "2.0").value(), IsEmpty());
}

}  // namespace
}  // namespace crossmill::coordinator
