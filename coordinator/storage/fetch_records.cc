// RecordStore's fetches of executions.
#include "common/base/status.h"
#include "coordinator/storage/connection.h"
#include "coordinator/storage/record_store.h"

namespace crossmill::storage {
namespace {

constexpr Sql kSaveFetches{"save the fetches of an execution",
                           "INSERT OR REPLACE INTO fetches (execution, fetches) VALUES (?1, ?2)"};
constexpr Sql kGetFetches{"load the fetches of an execution",
                          "SELECT fetches FROM fetches WHERE execution = ?1"};
constexpr Sql kDeleteFetchHosts{"replace the hosts of an execution",
                                "DELETE FROM fetch_hosts WHERE execution = ?1"};
constexpr Sql kInsertFetchHost{
    "save a host of an execution",
    "INSERT INTO fetch_hosts (execution, host, fetches, bytes_up, bytes_down, refused) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6)"};
constexpr Sql kGetFetchHosts{"load the hosts of an execution",
                             "SELECT host, fetches, bytes_up, bytes_down, refused FROM fetch_hosts "
                             "WHERE execution = ?1 ORDER BY host"};

}  // namespace

absl::Status RecordStore::SaveFetches(int64_t execution, const core::FetchRecord& record) {
  return Transact([&]() -> absl::Status {
    RecursiveMutexLock lock(connection_->mutex());
    RETURN_IF_ERROR(connection_->Run(kSaveFetches, execution, Blob{record.fetches.SerializeAsString()}));
    RETURN_IF_ERROR(connection_->Run(kDeleteFetchHosts, execution));
    for (const v1::HostFetches& host : record.hosts) {
      RETURN_IF_ERROR(connection_->Run(kInsertFetchHost, execution, host.host(), host.fetches(),
                                       host.bytes_up(), host.bytes_down(), host.refused()));
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<v1::StepFetches> RecordStore::Fetches(int64_t execution) {
  RecursiveMutexLock lock(connection_->mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_->Use(kGetFetches));
  query->Bind(execution);
  ASSIGN_OR_RETURN(const bool found, query->Step());
  v1::StepFetches fetches;
  if (!found) return fetches;
  RETURN_IF_ERROR(
      ParseRecord(query->Text(0), fmt::format("the fetches of execution {}", execution), &fetches));
  return fetches;
}

absl::StatusOr<std::vector<v1::HostFetches>> RecordStore::FetchHosts(int64_t execution) {
  RecursiveMutexLock lock(connection_->mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_->Use(kGetFetchHosts));
  query->Bind(execution);
  std::vector<v1::HostFetches> hosts;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return hosts;
    v1::HostFetches& host = hosts.emplace_back();
    host.set_host(std::string(query->Text(0)));
    host.set_fetches(query->Int64(1));
    host.set_bytes_up(query->Int64(2));
    host.set_bytes_down(query->Int64(3));
    host.set_refused(query->Int64(4));
  }
}

}  // namespace crossmill::storage
