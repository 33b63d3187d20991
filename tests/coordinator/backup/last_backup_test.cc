#include "coordinator/backup/last_backup.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace crossmill::backup
