#include "coordinator/storage/remote_records_sqlite.h"

#include "common/base/status.h"

namespace crossmill::storage {
namespace {

using coordinator::RemoteFileRecord;
using coordinator::RemoteTreeKey;

constexpr Sql kPutFile{
    "save a remote file",
    "INSERT OR REPLACE INTO remote_files (url, etag, last_modified, hash, size, name, mtime) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"};
constexpr Sql kFindFile{
    "look up a remote file",
    "SELECT etag, last_modified, hash, size, name, mtime FROM remote_files WHERE url = ?1"};
constexpr Sql kPutTree{
    "save a remote tree",
    "INSERT OR REPLACE INTO remote_trees (repository, commit_id, folder, keep_git_dir, submodules, "
    "commit_times, ref, root_hash, root_size) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"};
constexpr Sql kFindTree{
    "look up a remote tree",
    "SELECT root_hash, root_size FROM remote_trees WHERE repository = ?1 AND commit_id = ?2 AND "
    "folder = ?3 AND keep_git_dir = ?4 AND submodules = ?5 AND commit_times = ?6 AND ref = ?7"};

}  // namespace

absl::Status SqliteRemoteRecords::PutFile(const RemoteFileRecord& file) {
  RecursiveMutexLock lock(connection_.mutex());
  return connection_.Run(kPutFile, file.url, file.etag, file.last_modified, file.digest.hash,
                         file.digest.size, file.name, file.mtime);
}

absl::StatusOr<std::optional<RemoteFileRecord>> SqliteRemoteRecords::FindFile(std::string_view url) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kFindFile));
  query->Bind(url);
  ASSIGN_OR_RETURN(const bool found, query->Step());
  if (!found) return std::optional<RemoteFileRecord>();
  RemoteFileRecord file;
  file.url = url;
  file.etag = query->Text(0);
  file.last_modified = query->Text(1);
  file.digest = Digest{std::string(query->Text(2)), query->Int64(3)};
  file.name = query->Text(4);
  file.mtime = query->Int64(5);
  return file;
}

absl::Status SqliteRemoteRecords::PutTree(const RemoteTreeKey& key, const Digest& root) {
  RecursiveMutexLock lock(connection_.mutex());
  return connection_.Run(kPutTree, key.repository, key.commit, key.folder, key.keep_git_dir, key.submodules,
                         key.commit_times, key.ref, root.hash, root.size);
}

absl::StatusOr<std::optional<Digest>> SqliteRemoteRecords::FindTree(const RemoteTreeKey& key) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kFindTree));
  query->Bind(key.repository, key.commit, key.folder, key.keep_git_dir, key.submodules, key.commit_times,
              key.ref);
  ASSIGN_OR_RETURN(const bool found, query->Step());
  if (!found) return std::optional<Digest>();
  return Digest{std::string(query->Text(0)), query->Int64(1)};
}

}  // namespace crossmill::storage
