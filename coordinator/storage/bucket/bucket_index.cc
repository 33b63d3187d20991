#include "coordinator/storage/bucket/bucket_index.h"

#include <unistd.h>

#include <utility>

#include "common/base/log.h"
#include "common/base/status.h"

namespace crossmill::storage {
namespace {

constexpr char kSchema[] =
    "CREATE TABLE IF NOT EXISTS blobs(hash TEXT NOT NULL PRIMARY KEY, size INTEGER NOT NULL, "
    "  listing INTEGER NOT NULL, used_at INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS bucket(id INTEGER PRIMARY KEY CHECK (id = 1), place TEXT NOT NULL, "
    "  listing INTEGER NOT NULL, listed_at INTEGER NOT NULL) STRICT;";
// Of an index from before uses were written down.
constexpr Sql kHasUses{"look whether uses are noted",
                       "SELECT count(*) FROM pragma_table_info('blobs') WHERE name = 'used_at'"};
constexpr char kAddUses[] =
    "ALTER TABLE blobs ADD COLUMN used_at INTEGER NOT NULL DEFAULT 0;"
    "UPDATE blobs SET used_at = unixepoch() * 1000000000;";
constexpr char kClientSchema[] =
    "CREATE TABLE IF NOT EXISTS client(id INTEGER PRIMARY KEY CHECK (id = 1), place TEXT NOT NULL, "
    "  endpoint TEXT NOT NULL, region TEXT NOT NULL, credentials_file TEXT NOT NULL, "
    "  addressing TEXT NOT NULL) STRICT;";
constexpr Sql kNoteClient{"note how the bucket is reached",
                          "INSERT OR REPLACE INTO client(id, place, endpoint, region, credentials_file, "
                          "addressing) VALUES(1, ?, ?, ?, ?, ?)"};
constexpr Sql kHasClient{"look whether it is noted how the bucket is reached",
                         "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'client'"};
constexpr Sql kClient{"read how the bucket is reached",
                      "SELECT place, endpoint, region, credentials_file, addressing FROM client"};
constexpr Sql kPlace{"read the place of the bucket", "SELECT place, listing FROM bucket"};
constexpr Sql kNewPlace{"set the place of the bucket",
                        "INSERT INTO bucket(id, place, listing, listed_at) VALUES(1, ?, 0, 0) "
                        "ON CONFLICT(id) DO UPDATE SET place = excluded.place, listing = 0, listed_at = 0"};
constexpr Sql kHas{"look for a blob of the bucket", "SELECT 1 FROM blobs WHERE hash = ? AND size = ?"};
constexpr Sql kSizeOf{"look for the size of a blob of the bucket", "SELECT size FROM blobs WHERE hash = ?"};
constexpr Sql kAdd{"note a blob of the bucket",
                   "INSERT INTO blobs(hash, size, listing, used_at) VALUES(?, ?, (SELECT listing FROM "
                   "bucket), unixepoch() * 1000000000) "
                   "ON CONFLICT(hash) DO UPDATE SET size = excluded.size, listing = excluded.listing"};
constexpr Sql kIndexShard{
    "list a part of the index of the bucket",
    "SELECT hash, size, used_at FROM blobs WHERE hash >= ?1 AND hash < ?2 ORDER BY hash"};
constexpr Sql kFindUse{"look for a blob of the bucket, and when it was used",
                       "SELECT hash, size, used_at FROM blobs WHERE hash = ?1"};
constexpr Sql kWriteUse{"note the use of a blob of the bucket",
                        "UPDATE blobs SET used_at = max(used_at, ?2) WHERE hash = ?1"};
constexpr Sql kForget{"forget a blob of the bucket", "DELETE FROM blobs WHERE hash = ? AND size = ?"};
constexpr Sql kCountListed{"count the blobs of the bucket",
                           "SELECT count(*), coalesce(sum(size), 0) FROM blobs"};
constexpr Sql kListedAt{"read when the bucket was listed", "SELECT listed_at FROM bucket"};
constexpr Sql kEndListing{"note a listing of the bucket", "UPDATE bucket SET listed_at = ?"};

absl::StatusOr<Database> OpenDatabase(const std::string& path) {
  absl::StatusOr<Database> database = Database::Open(path);
  if (database.ok()) {
    if (const absl::Status made = database->Execute("make the index of the bucket", kSchema); !made.ok())
      return made;
    RETURN_IF_ERROR(database->Execute("make the table of how the bucket is reached", kClientSchema));
    const absl::StatusOr<int64_t> uses = database->QueryInt64(kHasUses);
    RETURN_IF_ERROR(uses.status());
    if (*uses == 0) RETURN_IF_ERROR(database->Execute("note uses of blobs of the bucket", kAddUses));
  }
  return database;
}

}  // namespace

absl::StatusOr<std::unique_ptr<BucketIndex>> BucketIndex::Open(const std::string& path,
                                                               const std::string& place) {
  absl::StatusOr<Database> database = OpenDatabase(path);
  if (absl::IsDataLoss(database.status())) {
    LogWarning("the index of the bucket is damaged and made again from a listing: {}",
               Sv(database.status().message()));
    for (const char* end : {"", "-wal", "-shm"}) unlink((path + end).c_str());
    database = OpenDatabase(path);
  }
  RETURN_IF_ERROR(database.status());
  ASSIGN_OR_RETURN(Database reader, OpenDatabase(path));
  auto index = std::unique_ptr<BucketIndex>(new BucketIndex(*std::move(database), std::move(reader)));
  RETURN_IF_ERROR(index->Prepare(place));
  return index;
}

absl::Status BucketIndex::Prepare(const std::string& place) {
  MutexLock lock(mutex_);
  std::string known;
  {
    ASSIGN_OR_RETURN(Statement statement, database_.Prepare(kPlace));
    ASSIGN_OR_RETURN(const bool row, statement.Step());
    if (row) {
      known = statement.Text(0);
      listing_ = statement.Int64(1);
    }
  }
  if (known != place) {
    RETURN_IF_ERROR(database_.Execute("forget another bucket", "DELETE FROM blobs"));
    ASSIGN_OR_RETURN(Statement statement, database_.Prepare(kNewPlace));
    statement.Bind(place);
    RETURN_IF_ERROR(statement.Run());
    listing_ = 0;
  }
  ASSIGN_OR_RETURN(Statement count, database_.Prepare(kCountListed));
  RETURN_IF_ERROR(count.Step().status());
  totals_ = {count.Int64(0), count.Int64(1)};
  return absl::OkStatus();
}

absl::Status BucketIndex::NoteClient(const Client& client) {
  MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(Statement statement, database_.Prepare(kNoteClient));
  statement.Bind(client.place, client.endpoint, client.region, client.credentials_file, client.addressing);
  return statement.Run();
}

absl::Status BucketIndex::AskForListing(const std::string& path) {
  ASSIGN_OR_RETURN(Database database, OpenDatabase(path));
  return database.Execute("ask for a listing of the bucket", "UPDATE bucket SET listed_at = 0");
}

absl::StatusOr<BucketIndex::Reader> BucketIndex::Reader::Open(const std::string& path) {
  ASSIGN_OR_RETURN(Database database, Database::OpenToRead(path, false));
  Reader reader(std::move(database));
  {
    ASSIGN_OR_RETURN(Statement statement, reader.database_.Prepare(kPlace));
    ASSIGN_OR_RETURN(const bool row, statement.Step());
    if (row) reader.place_ = statement.Text(0);
  }
  // An older program's has none.
  ASSIGN_OR_RETURN(const int64_t noted, reader.database_.QueryInt64(kHasClient));
  if (noted == 0) return reader;
  ASSIGN_OR_RETURN(Statement statement, reader.database_.Prepare(kClient));
  ASSIGN_OR_RETURN(const bool row, statement.Step());
  if (row) {
    const auto text = [&](int column) { return std::string(statement.Text(column)); };
    reader.client_ = {text(0), text(1), text(2), text(3), text(4)};
  }
  return reader;
}

absl::StatusOr<std::optional<int64_t>> BucketIndex::Reader::SizeOf(const std::string& hash) const {
  MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(Statement statement, database_.Prepare(kSizeOf));
  statement.Bind(hash);
  ASSIGN_OR_RETURN(const bool row, statement.Step());
  return row ? std::optional<int64_t>(statement.Int64(0)) : std::nullopt;
}

absl::Status BucketIndex::Reader::CopyTo(const std::string& path, int64_t step_bytes,
                                         const std::function<absl::Status(int64_t)>& step) const {
  MutexLock lock(mutex_);
  return database_.CopyTo(path, step_bytes, step);
}

absl::StatusOr<bool> BucketIndex::Has(const Digest& digest) {
  MutexLock lock(read_mutex_);
  ASSIGN_OR_RETURN(Statement statement, reader_.Prepare(kHas));
  statement.Bind(digest.hash, digest.size);
  return statement.Step();
}

absl::StatusOr<std::optional<int64_t>> BucketIndex::SizeOf(const std::string& hash) {
  MutexLock lock(read_mutex_);
  ASSIGN_OR_RETURN(Statement statement, reader_.Prepare(kSizeOf));
  statement.Bind(hash);
  ASSIGN_OR_RETURN(const bool row, statement.Step());
  return row ? std::optional<int64_t>(statement.Int64(0)) : std::nullopt;
}

absl::Status BucketIndex::Run(const Sql& sql, const std::string& hash, int64_t size) {
  ASSIGN_OR_RETURN(Statement statement, database_.Prepare(sql));
  statement.Bind(hash, size);
  return statement.Run();
}

absl::Status BucketIndex::Add(const Digest& digest) { return AddListed(absl::MakeConstSpan(&digest, 1)); }

absl::Status BucketIndex::AddListed(absl::Span<const Digest> digests) {
  MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database_));
  Totals added;
  {
    ASSIGN_OR_RETURN(Statement has, database_.Prepare(kHas));
    ASSIGN_OR_RETURN(Statement add, database_.Prepare(kAdd));
    for (const Digest& digest : digests) {
      has.Bind(digest.hash, digest.size);
      ASSIGN_OR_RETURN(const bool known, has.Step());
      has.Reset();
      add.Bind(digest.hash, digest.size);
      RETURN_IF_ERROR(add.Run());
      add.Reset();
      if (known) continue;
      ++added.blobs;
      added.bytes += digest.size;
    }
  }
  RETURN_IF_ERROR(transaction.Commit());
  totals_.blobs += added.blobs;
  totals_.bytes += added.bytes;
  return absl::OkStatus();
}

absl::Status BucketIndex::Forget(const Digest& digest) {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(Run(kForget, digest.hash, digest.size));
  if (database_.Changes() == 0) return absl::OkStatus();
  --totals_.blobs;
  totals_.bytes -= digest.size;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<BucketIndex::Use>> BucketIndex::Shard(int first_byte) {
  std::vector<Use> uses;
  MutexLock lock(read_mutex_);
  ASSIGN_OR_RETURN(Statement statement, reader_.Prepare(kIndexShard));
  // 'g' is behind all hex digits.
  const std::string from = fmt::format("{:02x}", first_byte);
  statement.Bind(from, from + "g");
  while (true) {
    ASSIGN_OR_RETURN(const bool row, statement.Step());
    if (!row) return uses;
    uses.push_back({std::string(statement.Text(0)), statement.Int64(1), statement.Int64(2)});
  }
}

absl::StatusOr<std::optional<BucketIndex::Use>> BucketIndex::Find(const std::string& hash) {
  MutexLock lock(read_mutex_);
  ASSIGN_OR_RETURN(Statement statement, reader_.Prepare(kFindUse));
  statement.Bind(hash);
  ASSIGN_OR_RETURN(const bool row, statement.Step());
  if (!row) return std::nullopt;
  return Use{std::string(statement.Text(0)), statement.Int64(1), statement.Int64(2)};
}

absl::Status BucketIndex::WriteUses(absl::Span<const std::pair<std::string, int64_t>> uses) {
  MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database_));
  {
    ASSIGN_OR_RETURN(Statement write, database_.Prepare(kWriteUse));
    for (const auto& [hash, used_at] : uses) {
      write.Bind(hash, used_at);
      RETURN_IF_ERROR(write.Run());
      write.Reset();
    }
  }
  return transaction.Commit();
}

absl::Status BucketIndex::BeginListing() {
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(database_.Execute("begin a listing", "UPDATE bucket SET listing = listing + 1"));
  ++listing_;
  return absl::OkStatus();
}

absl::Status BucketIndex::EndListing(absl::Time now) {
  MutexLock lock(mutex_);
  ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database_));
  RETURN_IF_ERROR(database_.Execute("forget what a listing did not name",
                                    "DELETE FROM blobs WHERE listing < (SELECT listing FROM bucket)"));
  {
    ASSIGN_OR_RETURN(Statement end, database_.Prepare(kEndListing));
    end.Bind(absl::ToUnixSeconds(now));
    RETURN_IF_ERROR(end.Run());
  }
  RETURN_IF_ERROR(transaction.Commit());
  ASSIGN_OR_RETURN(Statement count, database_.Prepare(kCountListed));
  RETURN_IF_ERROR(count.Step().status());
  totals_ = {count.Int64(0), count.Int64(1)};
  return absl::OkStatus();
}

absl::StatusOr<absl::Time> BucketIndex::ListedAt() {
  MutexLock lock(read_mutex_);
  ASSIGN_OR_RETURN(const int64_t seconds, reader_.QueryInt64(kListedAt));
  return seconds == 0 ? absl::InfinitePast() : absl::FromUnixSeconds(seconds);
}

BucketIndex::Totals BucketIndex::Sum() {
  MutexLock lock(mutex_);
  return totals_;
}

}  // namespace crossmill::storage
