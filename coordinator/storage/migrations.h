// The record's schema and its changes: numbered SQL files in migrations/, embedded at build time. The
// number of the last one applied is the database's PRAGMA user_version. A file that has been released
// is never edited; a change is a new file.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "coordinator/storage/sqlite.h"

namespace crossmill::storage {

struct Migration {
  // 1, 2, ... without gaps.
  int version;
  // "0001_initial.sql".
  const char* name;
  const char* sql;
  // After the SQL, in its transaction: what SQL alone cannot do. Null: nothing.
  absl::Status (*fill)(Database& database) = nullptr;
};

// The SQL files, in order of version.
absl::Span<const Migration> EmbeddedMigrations();
// The same with what some of them do besides.
std::vector<Migration> RecordMigrations();

// Where the copy of `path` goes that is made before it is migrated to `version`.
std::string PathBeforeMigration(const std::string& path, int version);

// Brings `database`, opened from `path`, to the newest version: each migration in a transaction of its
// own, foreign keys checked at its end. An existing database is first copied aside, durably. What it does
// with an existing one is logged: a large one takes minutes. FAILED_PRECONDITION, with what to do, when its
// schema is newer than `migrations` or when it is not a Crossmill database.
absl::Status Migrate(Database& database, const std::string& path, absl::Span<const Migration> migrations);

}  // namespace crossmill::storage
