// What can be said of a record as a whole, and what is changed in one while no coordinator runs: its
// identity, whether it is whole, numbers that are not to be given again, rows of caches.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/digest.h"
#include "coordinator/storage/sqlite.h"

namespace crossmill::storage {

// The newest schema version that this program knows.
int KnownSchema();

struct RecordFacts {
  int64_t schema = 0;
  // Empty before there was one.
  std::string farm;
  int64_t builds = 0;
  // Submitted in the day before `now`.
  int64_t builds_of_day = 0;
};

// FAILED_PRECONDITION: it is no Crossmill record. DATA_LOSS: no database at all.
absl::StatusOr<RecordFacts> ReadFacts(Database& record, int64_t now_ns);

// One sentence for each thing that SQLite finds wrong, 100 of each kind at most; none: the record is whole.
absl::StatusOr<std::vector<std::string>> FindRecordDamage(Database& record);

// The last number that each table with numbers of its own gave.
absl::StatusOr<std::map<std::string, int64_t>> LastNumbers(Database& record);
// Leaves numbers out: the next one of each table is above its `last`.
absl::Status SkipNumbers(Database& record, const std::map<std::string, int64_t>& last);

struct DroppedRows {
  std::string table;
  int64_t rows = 0;
};

// Removes rows that only say where something cached is, if `gone` says so of their blob. Executions,
// verdicts, packages and images are no such rows. Tables without any are left out.
absl::StatusOr<std::vector<DroppedRows>> DropCacheRows(Database& record,
                                                       const std::function<bool(const Digest&)>& gone);

}  // namespace crossmill::storage
