// RemoteRecords in the coordinator's database (tables remote_files, remote_trees).
#pragma once

#include <optional>
#include <string_view>

#include "coordinator/sources/remote_records.h"
#include "coordinator/storage/connection.h"

namespace crossmill::storage {

// Thread safe. The connection outlives it.
class SqliteRemoteRecords final : public coordinator::RemoteRecords {
 public:
  explicit SqliteRemoteRecords(Connection& connection) : connection_(connection) {}

  absl::Status PutFile(const coordinator::RemoteFileRecord& file) override;
  absl::StatusOr<std::optional<coordinator::RemoteFileRecord>> FindFile(std::string_view url) override;
  absl::Status PutTree(const coordinator::RemoteTreeKey& key, const Digest& root) override;
  absl::StatusOr<std::optional<Digest>> FindTree(const coordinator::RemoteTreeKey& key) override;

 private:
  Connection& connection_;
};

}  // namespace crossmill::storage
