#include "coordinator/backup/last_backup.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/files.h"
#include "tests/support/status_matchers.h"

namespace crossmill::backup {
namespace {

TEST(LastBackupTest, IsKnownOnceItWasNoted) {
  const auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  EXPECT_EQ(LastBackupAt(folder->path()), 0);
  BackupManifest manifest;
  manifest.taken_at = 1'700'000'000'123'456'789;
  ASSERT_OK(NoteLastBackup(folder->path(), manifest));
  EXPECT_EQ(LastBackupAt(folder->path()), 1'700'000'000'123'456'789);
  for (const char* damaged : {"", "{", "[]", "{}", R"({"taken_at":"now"})"}) {
    ASSERT_OK(WriteFileAtomic(folder->Path("last-backup.json"), damaged));
    EXPECT_EQ(LastBackupAt(folder->path()), 0) << damaged;
  }
}

TEST(LastBackupTest, IsOfWhoeverHasTheRecord) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root: files are given to another user";
  constexpr uid_t kOwner = 12'345;
  const auto folder = TemporaryFolder::Create();
  ASSERT_OK(folder);
  const std::string record = folder->Path("record.db");
  ASSERT_OK(WriteFileAtomic(record, ""));
  ASSERT_EQ(chown(record.c_str(), kOwner, kOwner), 0);
  ASSERT_OK(NoteLastBackup(folder->path(), BackupManifest()));
  struct stat note;
  ASSERT_EQ(lstat(folder->Path("last-backup.json").c_str(), &note), 0);
  EXPECT_EQ(note.st_uid, kOwner);
}

}  // namespace
}  // namespace crossmill::backup
