// Backups of a data folder that the test fills: taken, restored, damaged.
#include "coordinator/backup/taking.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "common/base/blob_store.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/blobs/disk_blob_store.h"
#include "common/oci/image.h"
#include "coordinator/backup/checking.h"
#include "coordinator/backup/restoring.h"
#include "coordinator/storage/image_records_sqlite.h"
#include "coordinator/storage/logs/compressed_log.h"
#include "coordinator/storage/record_store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"

namespace crossmill::backup {
namespace {

absl::Status NoPace(int64_t) { return absl::OkStatus(); }
void Silent(std::string_view) {}

class TakingTest : public testing::Test {
 protected:
  // In memory: records and stores sync each time, and these tests would wait for everybody's disk.
  TakingTest()
      : folder_(*TemporaryFolder::Create(access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "")),
        data_(folder_.Path("data")) {
    EXPECT_OK(MakeFolders(data_ + "/logs/07"));
    blobs_ = *OpenDiskBlobStore(data_ + "/content");
    record_ = *storage::RecordStore::Open(data_ + "/record.db");
    images_ = std::make_unique<storage::SqliteImageRecords>(record_->connection());
    EXPECT_OK(WriteFileAtomic(data_ + "/tokens", "submit x y\n", 0600));
    EXPECT_OK(WriteFileAtomic(data_ + "/session-key", "secret", 0600));
  }

  // A one-layer image under that name.
  Digest AddImage(const std::string& name, const std::string& layer) {
    const Digest layer_digest = *blobs_->PutBytes(layer);
    const Digest config = *blobs_->PutBytes(R"({"architecture":"amd64","os":"linux","x":")" + name + "\"}");
    oci::ImageManifest manifest;
    manifest.config = {std::string(oci::media_type::kOciConfig), config, std::nullopt, {}};
    manifest.layers = {{std::string(oci::media_type::kOciLayer), layer_digest, std::nullopt, {}}};
    const Digest root = *blobs_->PutBytes(oci::WriteImageManifest(manifest));
    EXPECT_OK(images_->PutImage({.name = name, .root = root, .platforms = {}, .origin = "import"}));
    return layer_digest;
  }

  absl::StatusOr<TakenBackup> Take(bool verify = false, Pace pace = NoPace) {
    clock_.Advance(absl::Seconds(1));
    return TakeBackup({.data_folder = data_,
                       .backup_folder = folder_.Path("backups"),
                       .verify = verify,
                       .pace = std::move(pace),
                       .tell = Silent,
                       .sync = sync_},
                      clock_);
  }
  absl::StatusOr<RestoredFarm> Restore(const std::string& name, bool force = false, bool incomplete = false) {
    return RestoreBackup({.backup_folder = folder_.Path("backups"),
                          .data_folder = folder_.Path(name),
                          .moment = "",
                          .force = force,
                          .incomplete = incomplete,
                          .pace = NoPace,
                          .tell = Silent,
                          .sync = sync_},
                         clock_);
  }
  absl::StatusOr<CheckReport> Check(const std::string& name, bool repair = false) {
    return CheckFarm({.data_folder = folder_.Path(name), .repair = repair, .pace = NoPace, .tell = Silent},
                     clock_);
  }
  std::string PathOf(const std::string& folder, const Digest& digest) {
    return fmt::format("{}/{}/{}", folder_.Path(folder), digest.hash.substr(0, 2), digest.hash);
  }
  void Overwrite(const std::string& path, const std::string& content) {
    ASSERT_EQ(unlink(path.c_str()), 0) << path;
    ASSERT_OK(WriteFileAtomic(path, content));
  }

  // The file system's own would wait for what everybody else has written there.
  const std::function<absl::Status(const std::string&)> sync_ = [this](const std::string& folder) {
    synced_.push_back(folder);
    return sync_result_;
  };
  std::vector<std::string> synced_;
  absl::Status sync_result_;
  TemporaryFolder folder_;
  const std::string data_;
  FakeClock clock_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<storage::RecordStore> record_;
  std::unique_ptr<storage::SqliteImageRecords> images_;
};

TEST_F(TakingTest, WhatIsRestoredIsWhatWasThere) {
  const Digest layer = AddImage("app:1", std::string(300'000, 'l'));
  ASSERT_OK(record_->InsertBuild({}, "", "", 1));
  const Digest unused = *blobs_->PutBytes("nobody needs it");
  // One whole message.
  const std::string console = "\x02\x08\x01";
  ASSERT_OK(WriteFileAtomic(data_ + "/logs/07/7.log", console));
  const auto taken = Take();
  ASSERT_OK(taken);
  EXPECT_EQ(taken->manifest.blobs, 3);
  EXPECT_EQ(taken->manifest.gone_blobs, 0);
  EXPECT_EQ(taken->manifest.farm.size(), 16u);
  // While the store and the record are open; a folder that is not there is made.
  const auto restored = Restore("new");
  ASSERT_OK(restored);
  EXPECT_EQ(*ReadFile(folder_.Path("new/logs/07/7.log")), console);
  EXPECT_EQ(*ReadFile(folder_.Path("new/tokens")), "submit x y\n");
  EXPECT_FALSE(Exists(folder_.Path("new/session-key")));
  EXPECT_FALSE(Exists(PathOf("new/content/blobs", unused)));
  const auto report = Check("new");
  ASSERT_OK(report);
  EXPECT_TRUE(report->clean());
  EXPECT_TRUE(report->findings.empty()) << report->findings.front().meaning;
  const auto store = OpenDiskBlobStore(folder_.Path("new/content"));
  ASSERT_OK(store);
  EXPECT_EQ(*(*store)->Get(layer), std::string(300'000, 'l'));
  const auto record = storage::RecordStore::Open(folder_.Path("new/record.db"));
  ASSERT_OK(record);
  EXPECT_EQ(*(*record)->InsertBuild({}, "", "", 2), 2001);
}

// The coordinator's user can put links into its data folder, which root copies and the restore gives to that
// user.
TEST_F(TakingTest, LinksToFilesOfOthersAndPipesAreNotCopied) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, as whose backup it is";
  for (const char* name : {"record.db", "tokens"})
    ASSERT_EQ(chown((data_ + "/" + name).c_str(), 4711, 4711), 0);
  ASSERT_OK(MakeFolders(folder_.Path("of-root")));
  ASSERT_OK(WriteFileAtomic(folder_.Path("of-root/shadow"), "root's secret", 0600));
  ASSERT_EQ(rename((data_ + "/logs").c_str(), folder_.Path("logs").c_str()), 0);
  ASSERT_EQ(symlink(folder_.Path("of-root").c_str(), (data_ + "/logs").c_str()), 0);
  ASSERT_EQ(mkfifo((data_ + "/audit.log").c_str(), 0600), 0);
  const auto taken = Take();
  ASSERT_OK(taken);
  EXPECT_EQ(taken->manifest.files, 1) << "the tokens";
  EXPECT_EQ(taken->manifest.gone_files, 1);
  ASSERT_OK(Restore("new"));
  EXPECT_FALSE(Exists(folder_.Path("new/logs/shadow")));
}

TEST_F(TakingTest, AFarmWithoutBuildsLeavesTheirNumbersOutToo) {
  ASSERT_OK(Take());
  const auto restored = Restore("new");
  ASSERT_OK(restored);
  for (const char* table : {"builds", "leases", "executions", "farm_wheels", "state_changes", "webhooks"})
    EXPECT_EQ(restored->skipped_to.at(table), 2000) << table;
  const auto record = storage::RecordStore::Open(folder_.Path("new/record.db"));
  ASSERT_OK(record);
  EXPECT_EQ(*(*record)->InsertBuild({}, "", "", 2), 2001);
}

TEST_F(TakingTest, PartsComeWithWhatHoldsThem) {
  const std::string large(600'000, 'p');
  const Digest part = *blobs_->PutBytes(large);
  auto writer = blobs_->Create({});
  ASSERT_OK(writer);
  ASSERT_OK((*writer)->Write("head"));
  ASSERT_OK((*writer)->WriteBlob(part));
  const auto whole = (*writer)->Commit();
  ASSERT_OK(whole);
  ASSERT_TRUE(Exists(PathOf("data/content/blobs", *whole) + ".parts"));
  AddImage("parted:1", "head" + large);
  const auto taken = Take();
  ASSERT_OK(taken);
  EXPECT_EQ(taken->manifest.blobs, 4);
  ASSERT_OK(Restore("new"));
  const auto store = OpenDiskBlobStore(folder_.Path("new/content"));
  ASSERT_OK(store);
  EXPECT_EQ(*(*store)->Get(*whole), "head" + large);
}

TEST_F(TakingTest, ASecondOneCopiesWhatIsNewAndOldOnesGo) {
  AddImage("app:1", std::string(1000, 'a'));
  ASSERT_OK(Take());
  const auto same = Take();
  ASSERT_OK(same);
  EXPECT_EQ(same->copied, 0);
  AddImage("app:2", std::string(1000, 'b'));
  const auto more = Take();
  ASSERT_OK(more);
  EXPECT_EQ(more->copied, 3);
  const std::vector<coordinator::ImageName> gone = {{"app:1"}};
  ASSERT_OK(images_->RemoveImages(gone));
  ASSERT_OK(Take());
  const auto last = Take();
  ASSERT_OK(last);
  // Only the two newest stay, and what they need.
  EXPECT_EQ(last->removed, 3);
  EXPECT_EQ(last->manifest.blobs, 3);
  int moments = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.Path("backups/moments"))) {
    (void)entry;
    ++moments;
  }
  EXPECT_EQ(moments, 2);
}

TEST_F(TakingTest, OneThatIsCutOffAnywhereLeavesTheLastOne) {
  AddImage("app:1", std::string(200'000, 'a'));
  const auto first = Take();
  ASSERT_OK(first);
  AddImage("app:2", std::string(400'000, 'b'));
  // Every place where bytes are read is one where it may end.
  for (int place = 0, done = 0; done == 0; place += 3) {
    int left = place;
    const auto cut = Take(false, [&left](int64_t) {
      return left-- > 0 ? absl::OkStatus() : absl::ResourceExhaustedError("the disk is full");
    });
    if (cut.ok()) {
      done = 1;
      EXPECT_GT(place, 3);
      continue;
    }
    EXPECT_TRUE(absl::IsResourceExhausted(cut.status())) << cut.status();
    ASSERT_OK(Restore("new", /*force=*/true));
    EXPECT_TRUE(Check("new")->clean()) << place;
    ASSERT_OK(RemoveTree(folder_.Path("new")));
  }
}

TEST_F(TakingTest, NothingPointsToWhatIsNotSynced) {
  AddImage("app:1", "a");
  const auto first = Take();
  ASSERT_OK(first);
  EXPECT_EQ(synced_, std::vector<std::string>{folder_.Path("backups")});
  AddImage("app:2", "b");
  sync_result_ = absl::UnavailableError("the disk is broken");
  EXPECT_TRUE(absl::IsUnavailable(Take().status()));
  EXPECT_TRUE(absl::IsUnavailable(Restore("new").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(CheckRestored(folder_.Path("new"))));
  sync_result_ = absl::OkStatus();
  const auto restored = Restore("new");
  ASSERT_OK(restored);
  EXPECT_EQ(restored->moment.name, first->moment.name);
}

TEST_F(TakingTest, RestsThatWereNeverSyncedAreLookedAtAgain) {
  const std::string layer(1000, 'r');
  const Digest digest = DigestOf(layer);
  // As a machine that lost its power in the middle of the first backup may have left it.
  ASSERT_OK(MakeFolders(folder_.Path("backups/blobs/") + digest.hash.substr(0, 2)));
  ASSERT_OK(WriteFileAtomic(PathOf("backups/blobs", digest), std::string(1000, '\0')));
  AddImage("app:1", layer);
  ASSERT_OK(Take());
  ASSERT_OK(Restore("new"));
  EXPECT_EQ(*ReadFile(PathOf("new/content/blobs", digest)), layer);
}

TEST_F(TakingTest, AnImageThatIsNotWholeFailsLoudly) {
  AddImage("good:1", "good");
  ASSERT_OK(Take());
  const Digest layer = AddImage("bad:1", std::string(1000, 'x'));
  Overwrite(PathOf("data/content/blobs", layer), std::string(1000, 'y'));
  const auto damaged = Take();
  EXPECT_TRUE(absl::IsDataLoss(damaged.status())) << damaged.status();
  ASSERT_EQ(unlink(PathOf("data/content/blobs", layer).c_str()), 0);
  const auto missing = Take();
  EXPECT_TRUE(absl::IsDataLoss(missing.status())) << missing.status();
  EXPECT_NE(missing.status().message().find("bad:1"), std::string::npos) << missing.status();
  const auto restored = Restore("new");
  ASSERT_OK(restored);
  EXPECT_EQ(restored->manifest.blobs, 3);
}

TEST_F(TakingTest, AnImageThatNobodyNamedIsACache) {
  const Digest layer = AddImage("sha256:" + Sha256Hex("x"), "layer");
  ASSERT_EQ(unlink(PathOf("data/content/blobs", layer).c_str()), 0);
  const auto taken = Take();
  ASSERT_OK(taken);
  EXPECT_EQ(taken->manifest.gone_blobs, 1);
  const auto report = Check("data");
  ASSERT_OK(report);
  EXPECT_TRUE(report->clean());
}

TEST_F(TakingTest, ADamagedCompressedConsoleIsFoundAndMovedAside) {
  const std::string console = data_ + "/logs/07/7.log";
  ASSERT_OK(WriteFileAtomic(console, std::string(1000, '\x02')));
  {
    const auto file = OpenFile(console, O_RDONLY);
    ASSERT_OK(file);
    ASSERT_OK(storage::CompressLog(file->get(), console + ".zst"));
  }
  ASSERT_EQ(unlink(console.c_str()), 0);
  EXPECT_TRUE(Check("data")->findings.empty());
  EXPECT_EQ(Check("data")->logs, 1);
  std::string bytes = *ReadFile(console + ".zst");
  bytes[bytes.size() / 2] ^= 0x55;
  Overwrite(console + ".zst", bytes);
  const auto damaged = Check("data");
  ASSERT_OK(damaged);
  EXPECT_FALSE(damaged->clean());
  EXPECT_EQ(damaged->findings.front().kind, "log");
  record_.reset();
  blobs_.reset();
  EXPECT_TRUE(Check("data", /*repair=*/true)->clean());
  EXPECT_FALSE(Exists(console + ".zst"));
  EXPECT_TRUE(Exists(data_ + "/content/corrupt/7.log.zst"));
}

TEST_F(TakingTest, CachesThatAreGoneAreCounted) {
  const Digest kept = *blobs_->PutBytes("kept"), gone = DigestOf("collected");
  const Digest damaged = *blobs_->PutBytes("damaged");
  Overwrite(PathOf("data/content/blobs", damaged), "dbmaged");
  for (const Digest& blob : {kept, gone, damaged})
    ASSERT_OK(images_->PutCompressedLayer({.tar = blob, .compressor = "gzip", .blob = blob}));
  const auto taken = Take();
  ASSERT_OK(taken);
  EXPECT_EQ(taken->manifest.blobs, 1);
  EXPECT_EQ(taken->manifest.gone_blobs, 1);
  EXPECT_EQ(taken->manifest.damaged_blobs, 1);
}

TEST_F(TakingTest, ABuildThatLacksItsContextIsNoReasonToHaveNoBackup) {
  v1::BuildSubmission submission;
  ToProto(DigestOf("a context that is gone"), submission.mutable_recipe()->mutable_context_root());
  ASSERT_OK(record_->InsertBuild(submission, "", "", 1));
  const auto taken = Take();
  ASSERT_OK(taken);
  EXPECT_EQ(taken->manifest.gone_blobs, 1);
  ASSERT_OK(Restore("new"));
  const auto report = Check("new");
  ASSERT_OK(report);
  ASSERT_EQ(report->findings.size(), 1u);
  EXPECT_EQ(report->findings.front().kind, "build");
  EXPECT_EQ(report->findings.front().where, "build 1");
  EXPECT_FALSE(report->clean());
}

TEST_F(TakingTest, ATreeComesWithItsFiles) {
  const Digest file = *blobs_->PutBytes("in a folder");
  build::bazel::remote::execution::v2::Directory below, root;
  auto& entry = *below.add_files();
  entry.set_name("file");
  ToProto(file, entry.mutable_digest());
  const Digest folder = *blobs_->PutBytes(below.SerializeAsString());
  auto& child = *root.add_directories();
  child.set_name("below");
  ToProto(folder, child.mutable_digest());
  v1::BuildSubmission submission;
  ToProto(*blobs_->PutBytes(root.SerializeAsString()), submission.mutable_recipe()->mutable_context_root());
  ASSERT_OK(record_->InsertBuild(submission, "", "", 1));
  ASSERT_OK(Take());
  ASSERT_OK(Restore("new"));
  EXPECT_EQ(*ReadFile(PathOf("new/content/blobs", file)), "in a folder");
  ASSERT_EQ(unlink(PathOf("new/content/blobs", file).c_str()), 0);
  EXPECT_FALSE(Check("new")->clean());
}

TEST_F(TakingTest, DamageInABackupIsFoundByTheRestore) {
  const Digest layer = AddImage("app:1", std::string(1000, 'a'));
  EXPECT_TRUE(absl::IsFailedPrecondition(Restore("new").status()));
  const auto taken = Take();
  ASSERT_OK(taken);
  Overwrite(PathOf("backups/blobs", layer), std::string(1000, 'b'));
  const auto refused = Restore("new");
  EXPECT_TRUE(absl::IsDataLoss(refused.status()));
  EXPECT_NE(refused.status().message().find(layer.hash), std::string::npos);
  // No coordinator takes what came of it for a farm, and the next restore begins again there.
  EXPECT_TRUE(absl::IsFailedPrecondition(CheckRestored(folder_.Path("new"))));
  const auto incomplete = Restore("new", false, /*incomplete=*/true);
  ASSERT_OK(incomplete);
  EXPECT_EQ(incomplete->left_out, 1);
  EXPECT_OK(CheckRestored(folder_.Path("new")));
  const auto report = Check("new");
  ASSERT_OK(report);
  EXPECT_FALSE(report->clean());
  EXPECT_EQ(report->findings.front().kind, "image");
  EXPECT_EQ(report->findings.front().where, "image app:1");
  // Only an order to look at old blobs again finds it in the backup, and mends it.
  EXPECT_EQ(Take()->mended, 0);
  EXPECT_EQ(Take(/*verify=*/true)->mended, 1);
  ASSERT_OK(Restore("whole"));
  Overwrite(folder_.Path("backups/moments/") + Restore("last")->moment.name + "/record.db", "no record");
  EXPECT_TRUE(absl::IsDataLoss(Restore("other").status()));
}

TEST_F(TakingTest, ADataFolderIsNeverOverwritten) {
  AddImage("app:1", "a");
  ASSERT_OK(Take());
  // The store of this test is open: a coordinator runs.
  EXPECT_TRUE(absl::IsFailedPrecondition(Restore("data").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(Restore("data", /*force=*/true).status()));
  EXPECT_TRUE(Exists(data_ + "/record.db"));
  ASSERT_OK(Restore("new"));
  ASSERT_OK(WriteFileAtomic(folder_.Path("new/mine"), "mine"));
  EXPECT_TRUE(absl::IsFailedPrecondition(Restore("new").status()));
  const auto restored = Restore("new", /*force=*/true);
  ASSERT_OK(restored);
  EXPECT_EQ(*ReadFile(restored->moved_to + "/mine"), "mine");
  EXPECT_FALSE(Exists(folder_.Path("new/mine")));
}

// Whoever kills it does so where everything is copied and nothing is in its place.
TEST_F(TakingTest, ARestoreThatIsCutOffLeavesTheFarmThatWasThere) {
  const Digest layer = AddImage("app:1", "a");
  ASSERT_OK(Take());
  ASSERT_OK(Restore("new"));
  ASSERT_OK(WriteFileAtomic(folder_.Path("new/mine"), "mine"));
  sync_result_ = absl::AbortedError("killed");
  EXPECT_TRUE(absl::IsAborted(Restore("new", /*force=*/true).status()));
  EXPECT_EQ(*ReadFile(folder_.Path("new/mine")), "mine");
  EXPECT_OK(CheckRestored(folder_.Path("new")));
  EXPECT_FALSE(CheckRestored(folder_.Path("new.restoring")).ok());
  sync_result_ = absl::OkStatus();
  const auto restored = Restore("new", /*force=*/true);
  ASSERT_OK(restored);
  EXPECT_EQ(*ReadFile(restored->moved_to + "/mine"), "mine");
  EXPECT_FALSE(Exists(folder_.Path("new/mine")));
  EXPECT_TRUE(Exists(PathOf("new/content/blobs", layer)));
  EXPECT_FALSE(Exists(folder_.Path("new.restoring")));
  EXPECT_OK(CheckRestored(folder_.Path("new")));
}

TEST_F(TakingTest, WhatWasThereIsNotLostWhenItHadChangedPlacesAlready) {
  AddImage("app:1", "a");
  ASSERT_OK(Take());
  ASSERT_OK(Restore("new"));
  ASSERT_OK(MakeFolders(folder_.Path("new.restoring")));
  ASSERT_OK(WriteFileAtomic(folder_.Path("new.restoring/older"), "older"));
  const auto restored = Restore("new", /*force=*/true);
  ASSERT_OK(restored);
  EXPECT_FALSE(Exists(restored->moved_to + "/older")) << "that is the newer one";
  ASSERT_TRUE(restored->moved_to.ends_with("-2"));
  EXPECT_EQ(*ReadFile(restored->moved_to.substr(0, restored->moved_to.size() - 2) + "/older"), "older");
}

// Also of a restore after one that was cut off.
TEST_F(TakingTest, TheFarmStaysWhoseItWas) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, as who restores";
  const Digest layer = AddImage("app:1", "a");
  ASSERT_OK(Take());
  constexpr uid_t kUser = 12345, kRoot = 0;
  for (const auto& [folder, record] : {std::pair{kUser, kUser}, std::pair{kRoot, kUser}}) {
    const std::string name = fmt::format("of-{}", folder);
    ASSERT_OK(Restore(name));
    ASSERT_EQ(chown(folder_.Path(name).c_str(), folder, folder), 0);
    ASSERT_EQ(chown(folder_.Path(name + "/record.db").c_str(), record, record), 0);
    sync_result_ = absl::AbortedError("killed");
    EXPECT_TRUE(absl::IsAborted(Restore(name, /*force=*/true).status()));
    sync_result_ = absl::OkStatus();
    ASSERT_OK(Restore(name, /*force=*/true));
    struct stat info;
    ASSERT_EQ(stat(folder_.Path(name).c_str(), &info), 0);
    EXPECT_EQ(info.st_uid, folder);
    for (const std::string& path : {folder_.Path(name + "/record.db"), folder_.Path(name + "/tokens"),
                                    PathOf(name + "/content/blobs", layer), folder_.Path(name + "/content"),
                                    folder_.Path(name + "/content/lock")}) {
      ASSERT_EQ(stat(path.c_str(), &info), 0) << path;
      EXPECT_EQ(info.st_uid, record) << path;
    }
  }
}

TEST_F(TakingTest, AFolderWithOtherThingsIsNoBackupFolder) {
  ASSERT_OK(MakeFolders(folder_.Path("backups")));
  ASSERT_OK(WriteFileAtomic(folder_.Path("backups/holiday.jpg"), "x"));
  EXPECT_TRUE(absl::IsFailedPrecondition(Take().status()));
  const auto inside = TakeBackup({.data_folder = data_,
                                  .backup_folder = data_ + "/backups",
                                  .pace = NoPace,
                                  .tell = Silent,
                                  .sync = sync_},
                                 clock_);
  EXPECT_TRUE(absl::IsInvalidArgument(inside.status()));
}

TEST_F(TakingTest, RepairMovesDamageAsideAndDropsRowsOfCachesOnly) {
  const Digest layer = AddImage("app:1", std::string(1000, 'a'));
  const Digest cached = *blobs_->PutBytes("cached"), tar = DigestOf("tar");
  ASSERT_OK(images_->PutCompressedLayer({.tar = tar, .compressor = "gzip", .blob = cached}));
  ASSERT_OK(Take());
  ASSERT_OK(Restore("new"));
  Overwrite(PathOf("new/content/blobs", cached), "cbched");
  const auto found = Check("new");
  ASSERT_OK(found);
  EXPECT_FALSE(found->clean());
  EXPECT_TRUE(Exists(PathOf("new/content/blobs", cached)));
  const auto mended = Check("new", /*repair=*/true);
  ASSERT_OK(mended);
  EXPECT_TRUE(mended->clean());
  EXPECT_FALSE(Exists(PathOf("new/content/blobs", cached)));
  // An image is named and left alone.
  Overwrite(PathOf("new/content/blobs", layer), std::string(1000, 'b'));
  EXPECT_FALSE(Check("new", /*repair=*/true)->clean());
  const auto record = storage::RecordStore::Open(folder_.Path("new/record.db"));
  ASSERT_OK(record);
  storage::SqliteImageRecords images((*record)->connection());
  EXPECT_EQ(*images.FindCompressedLayer(tar, "gzip"), std::nullopt);
  EXPECT_TRUE((*images.FindImage("app:1")).has_value());
  EXPECT_TRUE(absl::IsFailedPrecondition(Check("data", /*repair=*/true).status()))
      << "a coordinator has it open";
  EXPECT_TRUE(Check("data")->online);
}

}  // namespace
}  // namespace crossmill::backup
