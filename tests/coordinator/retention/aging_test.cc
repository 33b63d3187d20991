#include "coordinator/retention/aging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/time/time.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "coordinator/storage/image_records_sqlite.h"
#include "coordinator/storage/record_store.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr int64_t kDay = int64_t{86'400} * 1'000'000'000;

storage::KeptImage Image(std::string name, int64_t created_at, std::string origin = "build 1") {
  return {std::move(name), std::string(64, 'a'), std::move(origin), created_at};
}

std::vector<std::string> NamesOfImages(const std::vector<storage::KeptImage>& images) {
  std::vector<std::string> names;
  for (const storage::KeptImage& image : images) names.push_back(image.name);
  return names;
}

TEST(AgingRulesTest, TheNewestOfEachNameStay) {
  EXPECT_THAT(NamesOfImages(BeyondNewest({Image("a:1", 1), Image("a:2", 3), Image("a:3", 2)}, 2)),
              ElementsAre("a:1"));
  EXPECT_THAT(BeyondNewest({Image("a:1", 1)}, 1), IsEmpty());
  EXPECT_THAT(BeyondNewest({Image("a:1", 1)}, kNoLimit), IsEmpty());
  EXPECT_EQ(WithoutTag("docker.io/library/app:1"), "docker.io/library/app");
  EXPECT_EQ(WithoutTag("localhost:5000/app"), "localhost:5000/app");
  EXPECT_EQ(WithoutTag("localhost:5000/app:1"), "localhost:5000/app");
}

class AgingTest : public testing::Test {
 protected:
  int64_t Build(v1::BuildStatus status = v1::BUILD_STATUS_SUCCEEDED) {
    const int64_t build = *records_->InsertBuild({}, "", "", 1);
    v1::BuildView view = *records_->LoadView(build);
    view.set_status(status);
    view.set_finished_at(kDay);
    EXPECT_OK(records_->SaveView(build, view));
    return build;
  }
  // With a console; ended on that day.
  int64_t Execution(int64_t build, int64_t day, bool failed = false) {
    storage::Execution execution;
    execution.key = "key";
    execution.build = build;
    const int64_t id = *records_->BeginExecution(execution);
    v1::LogChunk chunk;
    chunk.set_data("output " + std::to_string(id));
    EXPECT_OK(logs_.Append(id, chunk));
    if (day < 0) return id;
    v1::StepResult result;
    if (failed) result.set_exit_code(1);
    EXPECT_OK(records_->FinishExecution(id, result, day * kDay));
    return id;
  }
  bool HasConsole(int64_t execution) { return Exists(logs_.PathOf(execution)) || IsCompressed(execution); }
  bool IsCompressed(int64_t execution) { return Exists(logs_.PathOf(execution) + ".zst"); }
  std::vector<AgedSum> Run(int64_t day, bool dry_run = false) {
    const auto sums = aging_.Run(policies_, day * kDay, dry_run);
    EXPECT_OK(sums);
    return sums.value_or(std::vector<AgedSum>());
  }

  TemporaryFolder folder_ = *TemporaryFolder::Create();
  std::unique_ptr<storage::RecordStore> records_ = *storage::RecordStore::Open(folder_.Path("record.db"));
  storage::LogStore logs_{folder_.Path("logs")};
  BlobUses uses_;
  Policies policies_;
  Aging aging_{{.connection = records_->connection(),
                .logs = logs_,
                .uses = uses_,
                .damaged_folder = folder_.path(),
                .pace = [] { return absl::OkStatus(); }}};
};

TEST_F(AgingTest, ConsolesAreCompressedThenRemovedThoseOfFailuresLater) {
  policies_.Set(Policy::kLogsCompressAfter, 2 * 86400);
  policies_.Set(Policy::kLogsKeep, 10 * 86400);
  policies_.Set(Policy::kLogsKeepFailed, 20 * 86400);
  const int64_t build = Build();
  const int64_t good = Execution(build, 1), bad = Execution(build, 1, true), late = Execution(build, 9);
  Run(2);
  EXPECT_FALSE(IsCompressed(good));
  EXPECT_FALSE(Run(5, true).empty()) << "a dry run says what it would do";
  EXPECT_FALSE(IsCompressed(good)) << "and does nothing";
  Run(5);
  EXPECT_TRUE(IsCompressed(good));
  EXPECT_TRUE(IsCompressed(bad));
  EXPECT_FALSE(IsCompressed(late));
  Run(12);
  EXPECT_FALSE(HasConsole(good));
  EXPECT_TRUE(HasConsole(bad));
  EXPECT_TRUE(IsCompressed(late));
  storage::AgingRecords aged(records_->connection());
  EXPECT_EQ(*aged.LogRemovedAt(good), 12 * kDay);
  EXPECT_EQ(*aged.LogRemovedAt(bad), 0);
  EXPECT_EQ(*aged.LogRemovedAt(999), 0);
  EXPECT_THAT(RemovedConsole(12 * kDay).data(), HasSubstr("logs.keep-failed on 1970-01-13"));
  Run(22);
  EXPECT_FALSE(HasConsole(bad));
  EXPECT_FALSE(HasConsole(late));
}

TEST_F(AgingTest, NothingGoesOfWhatStillRuns) {
  policies_.Set(Policy::kLogsCompressAfter, 1);
  policies_.Set(Policy::kLogsKeep, 60);
  const int64_t build = Build();
  const int64_t running = Execution(build, -1);
  const int64_t behind = Execution(build, 1);
  Run(100);
  EXPECT_TRUE(Exists(logs_.PathOf(running)));
  EXPECT_TRUE(HasConsole(behind)) << "it waits for those before it";
  ASSERT_OK(records_->AbandonExecution(running));
  Run(100);
  EXPECT_FALSE(HasConsole(behind));
}

TEST_F(AgingTest, EventsOfEndedBuildsAreThinnedAndReadOnBehindTheGap) {
  const int64_t ended = Build(), running = Build(v1::BUILD_STATUS_RUNNING);
  for (const int64_t build : {ended, running}) {
    for (int64_t number = 1; number <= 5; ++number) {
      v1::BuildEvent event;
      event.set_number(number);
      ASSERT_OK(records_->AppendEvent(build, event));
    }
  }
  Run(50);
  EXPECT_EQ(records_->Events(ended, 1, 10)->size(), 5u);
  EXPECT_THAT(Run(200, true), testing::SizeIs(1));
  EXPECT_EQ(records_->Events(ended, 1, 10)->size(), 5u);
  Run(200);
  const auto left = records_->Events(ended, 1, 10);
  ASSERT_OK(left);
  ASSERT_EQ(left->size(), 1u);
  EXPECT_EQ(left->front().number(), 5);
  EXPECT_EQ(*records_->LastEventNumber(ended), 5);
  EXPECT_EQ(records_->Events(running, 1, 10)->size(), 5u);
}

TEST_F(AgingTest, NamesOfImagesGoByAgeAndNumber) {
  policies_.Set(Policy::kImagesKeepPerName, 1);
  policies_.Set(Policy::kImagesPulled, 30 * 86400);
  storage::SqliteImageRecords images(records_->connection());
  const auto put = [&](const std::string& name, const std::string& origin, int64_t day,
                       const std::string& project = "default") {
    ImageRecord image;
    image.name = name;
    image.project = project;
    image.root = DigestOf(name);
    image.origin = origin;
    image.created_at = day * kDay;
    ASSERT_OK(images.PutImage(image));
  };
  const int64_t pinned = Build();
  ASSERT_OK(storage::PolicyRecords(records_->connection()).Pin({pinned, 1, ""}));
  put("docker.io/library/app:1", "build 90", 1);
  put("docker.io/library/app:2", "build 91", 2);
  put("docker.io/library/app:0", fmt::format("build {}", pinned), 0);
  put("docker.io/library/python:3", "registry", 1);
  put("docker.io/library/used:3", "registry", 1);
  // Of another project: a name of its own, and one that was only built, whose blobs are gone.
  put("docker.io/library/app:1", "build 92", 1, "shop");
  put("sha256:" + std::string(64, 'a'), "build 93", 1, "shop");
  uses_.SetComplete();
  uses_.Put(NameOfHash(DigestOf("docker.io/library/used:3").hash), BlobForm::kWhole, 8, 90 * kDay);
  Run(100);
  std::vector<std::string> names;
  const auto left = images.ListImages();
  ASSERT_OK(left);
  for (const ImageRecord& image : *left) names.push_back(image.name);
  EXPECT_THAT(names, ElementsAre("docker.io/library/app:0", "docker.io/library/app:2",
                                 "docker.io/library/used:3", "docker.io/library/app:1"));
}

}  // namespace
}  // namespace crossmill::coordinator
