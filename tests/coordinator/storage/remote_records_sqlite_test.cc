#include "coordinator/storage/remote_records_sqlite.h"

#include <gtest/gtest.h>

#include "coordinator/storage/record_store.h"
#include "tests/support/status_matchers.h"

namespace crossmill::storage {
namespace {

using coordinator::RemoteFileRecord;
using coordinator::RemoteTreeKey;

class SqliteRemoteRecordsTest : public ::testing::Test {
 protected:
  std::unique_ptr<RecordStore> store_ = *RecordStore::Open(":memory:");
  SqliteRemoteRecords records_{store_->connection()};
};

TEST_F(SqliteRemoteRecordsTest, TheLastFileOfAUrlCounts) {
  EXPECT_FALSE(records_.FindFile("https://h/f")->has_value());
  ASSERT_OK(records_.PutFile({"https://h/f", "\"a\"", "then", DigestOf("old"), "f", 1}));
  ASSERT_OK(records_.PutFile({"https://h/f", "", "", DigestOf("new"), "g", 2}));
  const auto file = records_.FindFile("https://h/f");
  ASSERT_OK(file.status());
  ASSERT_TRUE(file->has_value());
  EXPECT_EQ((*file)->url, "https://h/f");
  EXPECT_EQ((*file)->etag, "");
  EXPECT_EQ((*file)->last_modified, "");
  EXPECT_EQ((*file)->digest, DigestOf("new"));
  EXPECT_EQ((*file)->name, "g");
  EXPECT_EQ((*file)->mtime, 2);
}

TEST_F(SqliteRemoteRecordsTest, ATreeIsFoundByEverythingThatChangesIt) {
  RemoteTreeKey key;
  key.repository = "https://h/r.git";
  key.commit = std::string(40, 'a');
  ASSERT_OK(records_.PutTree(key, DigestOf("root")));
  EXPECT_EQ(**records_.FindTree(key), DigestOf("root"));
  std::vector<RemoteTreeKey> others(7, key);
  others[0].repository = "https://h/other.git";
  others[1].commit = std::string(40, 'b');
  others[2].folder = "x";
  others[3].keep_git_dir = true;
  others[4].submodules = false;
  others[5].commit_times = true;
  others[6].ref = "refs/heads/main";
  for (const RemoteTreeKey& other : others) EXPECT_FALSE(records_.FindTree(other)->has_value());
  ASSERT_OK(records_.PutTree(key, DigestOf("again")));
  EXPECT_EQ(**records_.FindTree(key), DigestOf("again"));
}

}  // namespace
}  // namespace crossmill::storage
