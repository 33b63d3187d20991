#include "coordinator/storage/retention/cache_rows.h"

#include <array>

#include "common/base/status.h"

namespace crossmill::storage {
namespace {

// Lists have the two keys, the blob and the time; ?1 and ?2 are the keys, ?3 the limit, or the blob.
struct CacheRowTable {
  bool numbered;
  Sql list;
  Sql remove;
};

// In the order of CacheRowKind.
constexpr std::array<CacheRowTable, 8> kCacheRowTables = {{
    {true,
     {"list pages of indexes by age",
      "SELECT rowid, '', hash, saved_at FROM index_pages WHERE rowid > ?1 AND ?2 IS NOT NULL ORDER BY rowid "
      "LIMIT ?3"},
     {"remove a page of an index",
      "DELETE FROM index_pages WHERE rowid = ?1 AND ?2 IS NOT NULL AND hash = ?3"}},
    {false,
     {"list fetched files by age",
      "SELECT url, '', hash, 0 FROM remote_files WHERE url > ?1 AND ?2 IS NOT NULL ORDER BY url LIMIT ?3"},
     {"remove a fetched file", "DELETE FROM remote_files WHERE url = ?1 AND ?2 IS NOT NULL AND hash = ?3"}},
    {false,
     {"list fetched trees by age",
      "SELECT repository, commit_id, min(root_hash), 0 FROM remote_trees WHERE (repository, commit_id) > "
      "(?1, ?2) GROUP BY repository, commit_id ORDER BY repository, commit_id LIMIT ?3"},
     {"remove a fetched tree",
      "DELETE FROM remote_trees WHERE repository = ?1 AND commit_id = ?2 AND root_hash = ?3"}},
    {false,
     {"list exports by age",
      "SELECT key, '', blob_hash, made_at FROM exports WHERE key > ?1 AND ?2 IS NOT NULL ORDER BY key "
      "LIMIT ?3"},
     {"remove an export", "DELETE FROM exports WHERE key = ?1 AND ?2 IS NOT NULL AND blob_hash = ?3"}},
    {false,
     {"list compressed layers by age",
      "SELECT tar_hash, compressor, blob_hash, 0 FROM compressed_layers WHERE (tar_hash, compressor) > "
      "(?1, ?2) ORDER BY tar_hash, compressor LIMIT ?3"},
     {"remove a compressed layer",
      "DELETE FROM compressed_layers WHERE tar_hash = ?1 AND compressor = ?2 AND blob_hash = ?3"}},
    {false,
     {"list unpacked images by age",
      "SELECT manifest_hash, '', manifest_hash, 0 FROM image_manifests WHERE manifest_hash > ?1 AND ?2 IS "
      "NOT "
      "NULL ORDER BY manifest_hash LIMIT ?3"},
     {"remove an unpacked image",
      "DELETE FROM image_manifests WHERE manifest_hash = ?1 AND ?2 IS NOT NULL AND manifest_hash = ?3"}},
    {true,
     {"list farm wheels by age",
      "SELECT id, '', hash, max(compiled_at, used_at) FROM farm_wheels WHERE id > ?1 AND ?2 IS NOT NULL "
      "ORDER BY id LIMIT ?3"},
     {"remove a farm wheel", "DELETE FROM farm_wheels WHERE id = ?1 AND ?2 IS NOT NULL AND hash = ?3"}},
    {true,
     {"list statements by age",
      "SELECT s.execution, '', coalesce(e.tar_hash, ''), coalesce(e.finished_at, e.started_at) FROM "
      "execution_statements AS s JOIN executions AS e ON e.id = s.execution JOIN builds AS b ON b.id = "
      "e.build "
      "WHERE s.execution > ?1 AND ?2 IS NOT NULL AND b.status >= 4 AND b.id NOT IN (SELECT build FROM pins) "
      "ORDER BY s.execution LIMIT ?3"},
     {"remove a statement",
      "DELETE FROM execution_statements WHERE execution = ?1 AND ?2 IS NOT NULL AND ?3 IS NOT NULL"}},
}};

const CacheRowTable& TableOf(CacheRowKind kind) { return kCacheRowTables[static_cast<size_t>(kind)]; }

}  // namespace

absl::StatusOr<std::vector<CacheRow>> CacheRows::Page(CacheRowKind kind, const CacheRow* behind, int limit) {
  const CacheRowTable& table = TableOf(kind);
  const Value first = table.numbered ? Value(int64_t{0}) : Value(std::string());
  std::vector<CacheRow> rows;
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(table.list));
  query->BindList({behind == nullptr ? first : behind->key,
                   behind == nullptr ? std::string() : behind->second_key, int64_t{limit}});
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return rows;
    const Value key = table.numbered ? Value(query->Int64(0)) : Value(std::string(query->Text(0)));
    rows.push_back({key, std::string(query->Text(1)), std::string(query->Text(2)), query->Int64(3)});
  }
}

absl::StatusOr<int64_t> CacheRows::Remove(CacheRowKind kind, absl::Span<const CacheRow> rows) {
  const CacheRowTable& table = TableOf(kind);
  int64_t removed = 0;
  RETURN_IF_ERROR(connection_.Transact([&]() -> absl::Status {
    RecursiveMutexLock lock(connection_.mutex());
    removed = 0;
    for (const CacheRow& row : rows) {
      if (const auto* number = std::get_if<int64_t>(&row.key)) {
        RETURN_IF_ERROR(connection_.Run(table.remove, *number, row.second_key, row.hash));
      } else {
        RETURN_IF_ERROR(
            connection_.Run(table.remove, std::get<std::string>(row.key), row.second_key, row.hash));
      }
      removed += connection_.Changes();
    }
    return absl::OkStatus();
  }));
  return removed;
}

}  // namespace crossmill::storage
