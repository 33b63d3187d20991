#include "coordinator/storage/migrations.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "common/base/files.h"
#include "common/base/log.h"
#include "common/base/status.h"
#include "coordinator/storage/history_records.h"
#include "coordinator/storage/notices/state_records.h"
#include "coordinator/storage/overview/overview_index.h"
#include "coordinator/storage/package_index.h"

namespace crossmill::storage {
namespace {

constexpr Sql kUserVersion{"read the schema version", "PRAGMA user_version"};
constexpr Sql kCountTables{"look for tables", "SELECT count(*) FROM sqlite_schema WHERE type = 'table'"};
constexpr Sql kCountBrokenReferences{"check foreign keys", "SELECT count(*) FROM pragma_foreign_key_check"};
constexpr Sql kCopyInto{"copy the database aside before migrating it", "VACUUM INTO ?1"};

absl::Status SyncFile(const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY));
  if (fsync(fd.get()) != 0) return ErrnoStatus(errno, "fsync " + path);
  return absl::OkStatus();
}

// Whole and durable under its final name, or not there: VACUUM INTO itself does not sync.
absl::Status CopyAside(Database& database, const std::string& path, int version) {
  const std::string copy = PathBeforeMigration(path, version);
  const std::string unfinished = copy + ".tmp";
  if (unlink(unfinished.c_str()) != 0 && errno != ENOENT) return ErrnoStatus(errno, "remove " + unfinished);
  {
    // VACUUM INTO accepts an empty file and keeps its mode; its own would follow the umask.
    ASSIGN_OR_RETURN(const UniqueFd created, OpenFile(unfinished, O_RDWR | O_CREAT | O_EXCL, 0600));
  }
  {
    ASSIGN_OR_RETURN(Statement statement, database.Prepare(kCopyInto));
    statement.Bind(unfinished);
    RETURN_IF_ERROR(Annotate(statement.Run(), copy));
  }
  RETURN_IF_ERROR(SyncFile(unfinished));
  if (rename(unfinished.c_str(), copy.c_str()) != 0) return ErrnoStatus(errno, "rename to " + copy);
  const size_t slash = copy.rfind('/');
  return SyncFolder(slash == std::string::npos ? "." : copy.substr(0, slash + 1));
}

absl::Status Apply(Database& database, const Migration& migration) {
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database));
  // Another process may have been faster between our reading the version and having the lock.
  ASSIGN_OR_RETURN(const int64_t current, database.QueryInt64(kUserVersion));
  if (current >= migration.version) return absl::OkStatus();
  RETURN_IF_ERROR(database.Execute("apply", migration.sql));
  if (migration.fill != nullptr) RETURN_IF_ERROR(migration.fill(database));
  ASSIGN_OR_RETURN(const int64_t broken, database.QueryInt64(kCountBrokenReferences));
  if (broken != 0) {
    return absl::FailedPreconditionError(
        fmt::format("{} rows would refer to rows that do not exist", broken));
  }
  RETURN_IF_ERROR(
      database.Execute("set the schema version", fmt::format("PRAGMA user_version={}", migration.version)));
  return transaction.Commit();
}

}  // namespace

std::vector<Migration> RecordMigrations() {
  const absl::Span<const Migration> embedded = EmbeddedMigrations();
  std::vector<Migration> migrations(embedded.begin(), embedded.end());
  for (Migration& migration : migrations) {
    if (std::string_view(migration.name) == "0008_package_questions.sql") migration.fill = FillPackageIndex;
    if (std::string_view(migration.name) == "0014_build_history.sql") migration.fill = FillBuildHistory;
    if (std::string_view(migration.name) == "0015_notices.sql") migration.fill = RenameOrigins;
    if (std::string_view(migration.name) == "0016_overview.sql") migration.fill = FillOverview;
    // Of a record from before there were states: their table got its columns here.
    if (std::string_view(migration.name) == "0025_walls.sql") migration.fill = FillStates;
  }
  return migrations;
}

std::string PathBeforeMigration(const std::string& path, int version) {
  return fmt::format("{}.before-{}", path, version);
}

absl::Status Migrate(Database& database, const std::string& path, absl::Span<const Migration> migrations) {
  const int newest = migrations.empty() ? 0 : migrations.back().version;
  ASSIGN_OR_RETURN(const int64_t current, database.QueryInt64(kUserVersion));
  if (current == newest) return absl::OkStatus();
  if (current > newest) {
    return absl::FailedPreconditionError(fmt::format(
        "{} has schema version {}, but this Crossmill ({}) knows versions up to {}: start the newer "
        "Crossmill that wrote it, or restore the copy {} or an older one beside it",
        path, current, CROSSMILL_VERSION, newest, PathBeforeMigration(path, newest + 1)));
  }
  if (current == 0) {
    ASSIGN_OR_RETURN(const int64_t tables, database.QueryInt64(kCountTables));
    if (tables != 0) {
      return absl::FailedPreconditionError(fmt::format("{} is not a Crossmill database", path));
    }
  } else if (path != ":memory:") {
    LogInfo("record: {} has schema version {}, it is migrated to {}; copying it to {}", path, current, newest,
            PathBeforeMigration(path, newest));
    RETURN_IF_ERROR(CopyAside(database, path, newest));
  }
  // A migration may have to rebuild a table that others refer to; Apply checks the references instead.
  // SQLite ignores this pragma inside a transaction.
  RETURN_IF_ERROR(database.Execute("pause foreign keys", "PRAGMA foreign_keys=OFF"));
  absl::Status status;
  for (const Migration& migration : migrations) {
    if (migration.version <= current) continue;
    if (current != 0) LogInfo("record: applying {}", migration.name);
    status = Annotate(Apply(database, migration), fmt::format("{}: migration {}", path, migration.name));
    if (!status.ok()) break;
  }
  RETURN_IF_ERROR(database.Execute("resume foreign keys", "PRAGMA foreign_keys=ON"));
  if (status.ok() && current != 0) LogInfo("record: migrated");
  return status;
}

}  // namespace crossmill::storage
