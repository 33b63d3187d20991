#include "coordinator/storage/backup/record_health.h"

#include <array>

#include "common/base/status.h"
#include "coordinator/storage/migrations.h"

namespace crossmill::storage {
namespace {

constexpr Sql kSchemaOf{"read the schema version", "PRAGMA user_version"};
constexpr Sql kRecordHasTable{"look for a table",
                              "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1"};
constexpr Sql kFarmOfRecord{"read the farm's identity", "SELECT id FROM farm_identity"};
constexpr Sql kCountRecordedBuilds{"count builds",
                                   "SELECT count(*), coalesce(sum(submitted_at > ?1), 0) FROM builds"};
constexpr Sql kRecordIntegrity{"check the record's pages", "PRAGMA integrity_check(100)"};
constexpr Sql kBrokenReferences{
    "check the record's references",
    "SELECT \"table\", \"parent\", count(*) FROM pragma_foreign_key_check GROUP BY 1, 2 LIMIT 100"};
// A table that never gave a number has none noted.
constexpr Sql kLastNumbers{
    "read the last numbers",
    "SELECT s.name, coalesce(n.seq, 0) FROM sqlite_schema AS s LEFT JOIN sqlite_sequence AS n "
    "ON n.name = s.name WHERE s.type = 'table' AND s.sql LIKE '% AUTOINCREMENT%' ORDER BY 1"};
constexpr Sql kNoteNumbers{"note that no numbers were given",
                           "INSERT INTO sqlite_sequence (name, seq) SELECT ?1, 0 WHERE NOT EXISTS "
                           "(SELECT 1 FROM sqlite_sequence WHERE name = ?1)"};
constexpr Sql kSkipNumbers{"leave numbers out",
                           "UPDATE sqlite_sequence SET seq = ?2 WHERE name = ?1 AND seq < ?2"};

// Of a table that only says where something cached is.
struct CacheTable {
  const char* name;
  Sql list;
  Sql drop;
};
constexpr std::array kCacheTables = {
    CacheTable{"exports",
               {"list exports", "SELECT DISTINCT blob_hash, blob_size FROM exports"},
               {"drop exports", "DELETE FROM exports WHERE blob_hash = ?1"}},
    CacheTable{"compressed_layers",
               {"list compressed layers", "SELECT DISTINCT blob_hash, blob_size FROM compressed_layers"},
               {"drop compressed layers", "DELETE FROM compressed_layers WHERE blob_hash = ?1"}},
    CacheTable{"remote_files",
               {"list fetched files", "SELECT DISTINCT hash, size FROM remote_files"},
               {"drop fetched files", "DELETE FROM remote_files WHERE hash = ?1"}},
    CacheTable{"remote_trees",
               {"list fetched trees", "SELECT DISTINCT root_hash, root_size FROM remote_trees"},
               {"drop fetched trees", "DELETE FROM remote_trees WHERE root_hash = ?1"}},
    CacheTable{"index_pages",
               {"list pages", "SELECT DISTINCT hash, size FROM index_pages"},
               {"drop pages", "DELETE FROM index_pages WHERE hash = ?1"}},
    CacheTable{"farm_wheels",
               {"list farm wheels", "SELECT DISTINCT hash, size FROM farm_wheels"},
               {"drop farm wheels", "DELETE FROM farm_wheels WHERE hash = ?1"}},
};

absl::StatusOr<bool> RecordHasTable(Database& record, const char* name) {
  ASSIGN_OR_RETURN(Statement query, record.Prepare(kRecordHasTable));
  query.Bind(name);
  ASSIGN_OR_RETURN(const bool row, query.Step());
  return row && query.Int64(0) != 0;
}

absl::StatusOr<int64_t> DropFrom(Database& record, const CacheTable& table,
                                 const std::function<bool(const Digest&)>& gone) {
  std::vector<std::string> hashes;
  {
    ASSIGN_OR_RETURN(Statement query, record.Prepare(table.list));
    while (true) {
      ASSIGN_OR_RETURN(const bool row, query.Step());
      if (!row) break;
      const Digest digest{std::string(query.Text(0)), query.Int64(1)};
      if (gone(digest)) hashes.push_back(digest.hash);
    }
  }
  int64_t rows = 0;
  ASSIGN_OR_RETURN(Statement drop, record.Prepare(table.drop));
  for (const std::string& hash : hashes) {
    drop.Bind(hash);
    RETURN_IF_ERROR(drop.Run());
    rows += record.Changes();
    drop.Reset();
  }
  return rows;
}

}  // namespace

int KnownSchema() {
  const absl::Span<const Migration> migrations = EmbeddedMigrations();
  return migrations.empty() ? 0 : migrations.back().version;
}

absl::StatusOr<RecordFacts> ReadFacts(Database& record, int64_t now_ns) {
  RecordFacts facts;
  ASSIGN_OR_RETURN(facts.schema, record.QueryInt64(kSchemaOf));
  ASSIGN_OR_RETURN(const bool builds, RecordHasTable(record, "builds"));
  if (facts.schema == 0 || !builds) return absl::FailedPreconditionError("this is no Crossmill record");
  ASSIGN_OR_RETURN(const bool identity, RecordHasTable(record, "farm_identity"));
  if (identity) {
    ASSIGN_OR_RETURN(Statement query, record.Prepare(kFarmOfRecord));
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (row) facts.farm = query.Text(0);
  }
  constexpr int64_t kDay = int64_t{24} * 3600 * 1'000'000'000;
  ASSIGN_OR_RETURN(Statement query, record.Prepare(kCountRecordedBuilds));
  query.Bind(now_ns - kDay);
  ASSIGN_OR_RETURN(const bool row, query.Step());
  if (!row) return absl::InternalError("count builds: no row");
  facts.builds = query.Int64(0);
  facts.builds_of_day = query.Int64(1);
  return facts;
}

absl::StatusOr<std::vector<std::string>> FindRecordDamage(Database& record) {
  std::vector<std::string> damage;
  ASSIGN_OR_RETURN(Statement pages, record.Prepare(kRecordIntegrity));
  while (true) {
    const absl::StatusOr<bool> row = pages.Step();
    // Damage so grave that the check itself ends is damage.
    if (absl::IsDataLoss(row.status())) {
      damage.emplace_back(Sv(row.status().message()));
      return damage;
    }
    RETURN_IF_ERROR(row.status());
    if (!*row) break;
    if (pages.Text(0) != "ok") damage.emplace_back(pages.Text(0));
  }
  // References are looked up in indexes that may be what is damaged.
  if (!damage.empty()) return damage;
  ASSIGN_OR_RETURN(Statement references, record.Prepare(kBrokenReferences));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, references.Step());
    if (!row) break;
    damage.push_back(fmt::format("{} rows of {} refer to rows of {} that do not exist", references.Int64(2),
                                 references.Text(0), references.Text(1)));
  }
  return damage;
}

absl::StatusOr<std::map<std::string, int64_t>> LastNumbers(Database& record) {
  std::map<std::string, int64_t> last;
  ASSIGN_OR_RETURN(Statement query, record.Prepare(kLastNumbers));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return last;
    last[std::string(query.Text(0))] = query.Int64(1);
  }
}

absl::Status SkipNumbers(Database& record, const std::map<std::string, int64_t>& last) {
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(record));
  {
    ASSIGN_OR_RETURN(Statement note, record.Prepare(kNoteNumbers));
    ASSIGN_OR_RETURN(Statement skip, record.Prepare(kSkipNumbers));
    for (const auto& [table, number] : last) {
      note.Bind(table);
      RETURN_IF_ERROR(note.Run());
      note.Reset();
      skip.Bind(table, number);
      RETURN_IF_ERROR(skip.Run());
      skip.Reset();
    }
  }
  return transaction.Commit();
}

absl::StatusOr<std::vector<DroppedRows>> DropCacheRows(Database& record,
                                                       const std::function<bool(const Digest&)>& gone) {
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(record));
  std::vector<DroppedRows> dropped;
  for (const CacheTable& table : kCacheTables) {
    ASSIGN_OR_RETURN(const int64_t rows, DropFrom(record, table, gone));
    if (rows > 0) dropped.push_back({table.name, rows});
  }
  RETURN_IF_ERROR(transaction.Commit());
  return dropped;
}

}  // namespace crossmill::storage
