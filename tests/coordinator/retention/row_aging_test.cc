#include "coordinator/retention/row_aging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "common/base/files.h"
#include "common/base/status.h"
#include "coordinator/images/image_records.h"
#include "coordinator/storage/image_records_sqlite.h"
#include "coordinator/storage/index_page_records.h"
#include "coordinator/storage/record_store.h"
#include "coordinator/storage/remote_records_sqlite.h"
#include "tests/support/status_matchers.h"

namespace crossmill::coordinator {
namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr int64_t kDayNanos = int64_t{24} * 3600 * 1'000'000'000;
constexpr int64_t kToday = 20'000 * kDayNanos;

class RowAgingTest : public testing::Test {
 protected:
  std::vector<std::string> Run(bool dry_run = false, int64_t unplanned_since = INT64_MAX) {
    const auto sums = aging_.Run(policies_, needed_, kToday, unplanned_since, dry_run);
    EXPECT_OK(sums);
    std::vector<std::string> told;
    for (const AgedSum& sum : *sums) told.push_back(fmt::format("{} {}", sum.count, sum.kind));
    return told;
  }
  Digest UsedDaysAgo(const std::string& blob, int64_t days) {
    const Digest digest = DigestOf(blob);
    used_at_[NameOfHash(digest.hash)] = kToday - days * kDayNanos;
    return digest;
  }
  void PutFile(const std::string& url, const Digest& digest) {
    storage::SqliteRemoteRecords files(records_->connection());
    RemoteFileRecord file;
    file.url = url;
    file.digest = digest;
    ASSERT_OK(files.PutFile(file));
  }
  bool HasFile(const std::string& url) {
    storage::SqliteRemoteRecords files(records_->connection());
    return files.FindFile(url)->has_value();
  }

  TemporaryFolder folder_ = *TemporaryFolder::Create();
  std::unique_ptr<storage::RecordStore> records_ = *storage::RecordStore::Open(folder_.Path("record.db"));
  Policies policies_;
  NeededBlobs needed_;
  std::map<BlobName, int64_t> used_at_;
  RowAging aging_{records_->connection(), [] { return absl::OkStatus(); },
                  [this](const BlobName& name) -> absl::StatusOr<std::optional<int64_t>> {
                    const auto found = used_at_.find(name);
                    return found == used_at_.end() ? std::nullopt : std::optional(found->second);
                  }};
};

TEST_F(RowAgingTest, WhatNobodyUsedForLongGoesAndWhatIsNeededStays) {
  PutFile("https://old", UsedDaysAgo("old", 91));
  PutFile("https://new", UsedDaysAgo("new", 89));
  PutFile("https://gone", DigestOf("gone"));
  PutFile("https://needed", UsedDaysAgo("needed", 500));
  needed_.Add(NameOfHash(DigestOf("needed").hash), storage::NeededBy::kRunningBuild);
  EXPECT_THAT(Run(true), UnorderedElementsAre("2 fetched files"));
  EXPECT_TRUE(HasFile("https://old"));
  EXPECT_THAT(Run(), UnorderedElementsAre("2 fetched files"));
  EXPECT_FALSE(HasFile("https://old") || HasFile("https://gone"));
  EXPECT_TRUE(HasFile("https://new") && HasFile("https://needed"));
  policies_.Set(Policy::kFetchedKeep, kNoLimit);
  used_at_.clear();
  EXPECT_THAT(Run(), IsEmpty()) << "for ever";
}

TEST_F(RowAgingTest, MoreThanAStepAndAPageGo) {
  for (int i = 0; i < 1234; ++i)
    PutFile(fmt::format("https://file/{}", i), UsedDaysAgo("x" + std::to_string(i), 100));
  PutFile("https://file/55555", UsedDaysAgo("new", 1));
  EXPECT_THAT(Run(), UnorderedElementsAre("1234 fetched files"));
  EXPECT_TRUE(HasFile("https://file/55555"));
  EXPECT_THAT(Run(), IsEmpty());
}

TEST_F(RowAgingTest, EveryKindHasItsOwnAge) {
  storage::SqliteImageRecords images(records_->connection());
  const Digest old = UsedDaysAgo("layer", 100);
  ASSERT_OK(images.PutCompressedLayer({.tar = old, .compressor = "gzip", .blob = old}));
  ASSERT_OK(images.PutManifest({old, v1::PinnedImage()}));
  storage::SqliteRemoteRecords trees(records_->connection());
  RemoteTreeKey tree;
  tree.repository = "https://git";
  tree.commit = "c0ffee";
  ASSERT_OK(trees.PutTree(tree, old));
  storage::IndexPageRecords pages(records_->connection());
  storage::IndexPageRow page;
  page.url = "https://index/old";
  page.body = old;
  page.saved_at = kToday - 100 * kDayNanos;
  ASSERT_OK(pages.Put(page));
  page.url = "https://index/new";
  page.saved_at = kToday - 10 * kDayNanos;
  ASSERT_OK(pages.Put(page));
  ASSERT_OK(records_->SaveExport("key", {old, std::nullopt, "w1", kToday - 100 * kDayNanos}));
  // A build that is being planned since then may have been told of it.
  EXPECT_THAT(Run(false, kToday - 200 * kDayNanos), IsEmpty());
  EXPECT_THAT(Run(), UnorderedElementsAre("1 pages of indexes", "1 fetched trees", "1 exports",
                                          "1 compressed layers", "1 unpacked images"));
  EXPECT_OK(pages.Find("https://index/new"));
}

}  // namespace
}  // namespace crossmill::coordinator
