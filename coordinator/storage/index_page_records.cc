#include "coordinator/storage/index_page_records.h"

#include "common/base/status.h"

namespace crossmill::storage {
namespace {

constexpr Sql kPutPage{
    "save an index page",
    "INSERT OR REPLACE INTO index_pages (url, content_type, page_url, etag, last_modified, "
    "fresh_until, hash, size, saved_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"};
constexpr Sql kFindPage{
    "look up an index page",
    "SELECT content_type, page_url, etag, last_modified, fresh_until, hash, size, saved_at "
    "FROM index_pages WHERE url = ?1"};

}  // namespace

absl::Status IndexPageRecords::Put(const IndexPageRow& row) {
  RecursiveMutexLock lock(connection_.mutex());
  return connection_.Run(kPutPage, row.url, row.content_type, row.page_url, row.etag, row.last_modified,
                         row.fresh_until, row.body.hash, row.body.size, row.saved_at);
}

absl::StatusOr<IndexPageRow> IndexPageRecords::Find(std::string_view url) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kFindPage));
  query->Bind(url);
  ASSIGN_OR_RETURN(const bool found, query->Step());
  if (!found) return absl::NotFoundError(fmt::format("no page of {} is kept", url));
  IndexPageRow row;
  row.url = url;
  row.content_type = query->Text(0);
  row.page_url = query->Text(1);
  row.etag = query->Text(2);
  row.last_modified = query->Text(3);
  row.fresh_until = query->Int64(4);
  row.body = Digest{std::string(query->Text(5)), query->Int64(6)};
  row.saved_at = query->Int64(7);
  return row;
}

}  // namespace crossmill::storage
