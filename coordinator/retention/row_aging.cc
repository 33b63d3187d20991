#include "coordinator/retention/row_aging.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "common/base/digest.h"
#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

using storage::CacheRow;
using storage::CacheRowKind;

constexpr int64_t kRowSecond = 1'000'000'000;
constexpr int kRowsOfPage = 500;
// So many in one transaction: it is short, and the disk is synced once for all of them.
constexpr size_t kRowsOfStep = 20;

struct RowPolicy {
  CacheRowKind kind;
  Policy policy;
  // "exports", for people.
  const char* words;
};
constexpr std::array<RowPolicy, 8> kRowPolicies = {{
    {CacheRowKind::kIndexPages, Policy::kPagesKeep, "pages of indexes"},
    {CacheRowKind::kFetchedFiles, Policy::kFetchedKeep, "fetched files"},
    {CacheRowKind::kFetchedTrees, Policy::kFetchedKeep, "fetched trees"},
    {CacheRowKind::kExports, Policy::kExportsKeep, "exports"},
    {CacheRowKind::kCompressedLayers, Policy::kCompressedKeep, "compressed layers"},
    {CacheRowKind::kUnpackedImages, Policy::kUnpackedKeep, "unpacked images"},
    {CacheRowKind::kFarmWheels, Policy::kWheelsKeep, "farm wheels"},
    {CacheRowKind::kStatements, Policy::kStatementsKeep, "statements of workers"},
}};

}  // namespace

absl::StatusOr<bool> RowAging::IsDue(const CacheRow& row, const NeededBlobs& needed, int64_t before) {
  if (row.at >= before) return false;
  if (!IsSha256Hex(row.hash)) return true;
  const BlobName name = NameOfHash(row.hash);
  const std::optional<storage::NeededBy> keeper = needed.Find(name);
  // A farm wheel is needed by its own row and nothing else.
  if (keeper && *keeper != storage::NeededBy::kWheel) return false;
  ASSIGN_OR_RETURN(const std::optional<int64_t> used_at, used_at_(name));
  return used_at.value_or(0) < before;
}

absl::StatusOr<int64_t> RowAging::Thin(CacheRowKind kind, const NeededBlobs& needed, int64_t before,
                                       bool dry_run) {
  int64_t count = 0;
  std::optional<CacheRow> behind;
  while (true) {
    RETURN_IF_ERROR(pace_());
    ASSIGN_OR_RETURN(const std::vector<CacheRow> page,
                     rows_.Page(kind, behind ? &*behind : nullptr, kRowsOfPage));
    if (page.empty()) return count;
    behind = page.back();
    std::vector<CacheRow> due;
    for (const CacheRow& row : page) {
      ASSIGN_OR_RETURN(const bool is_due, IsDue(row, needed, before));
      if (is_due) due.push_back(row);
    }
    if (dry_run) count += static_cast<int64_t>(due.size());
    for (size_t from = 0; !dry_run && from < due.size(); from += kRowsOfStep) {
      RETURN_IF_ERROR(pace_());
      ASSIGN_OR_RETURN(const int64_t removed,
                       rows_.Remove(kind, absl::MakeConstSpan(due).subspan(from, kRowsOfStep)));
      count += removed;
    }
  }
}

absl::StatusOr<std::vector<AgedSum>> RowAging::Run(const Policies& policies, const NeededBlobs& needed,
                                                   int64_t now, int64_t unplanned_since, bool dry_run) {
  std::vector<AgedSum> sums;
  for (const RowPolicy& each : kRowPolicies) {
    const int64_t age = policies[each.policy];
    if (age == kNoLimit) continue;
    AgedSum sum{each.words};
    ASSIGN_OR_RETURN(sum.count,
                     Thin(each.kind, needed, std::min(now - age * kRowSecond, unplanned_since), dry_run));
    if (sum.count > 0) sums.push_back(std::move(sum));
  }
  return sums;
}

}  // namespace crossmill::coordinator
