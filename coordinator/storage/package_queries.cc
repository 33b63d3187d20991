// PackageQueries without uses (package_uses.cc).
#include "coordinator/storage/package_queries.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/words/platform.h"
#include "coordinator/storage/package_row.h"
#include "coordinator/storage/package_statements.h"

namespace crossmill::storage {
namespace {

// What was recorded before platforms were has none.
void SetPlatform(std::string_view text, v1::Platform* platform) {
  if (auto parsed = ParsePlatform(text); parsed.ok()) *platform = *std::move(parsed);
}

absl::StatusOr<std::vector<std::string>> ReadTexts(Statement& query) {
  std::vector<std::string> texts;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return texts;
    texts.emplace_back(query.Text(0));
  }
}

// The compilations of one platform, added up by release.
class Sums {
 public:
  explicit Sums(std::string_view platform) { SetPlatform(platform, &platform_); }

  // `row` as kCompilations gives it, in the order of time.
  void Add(const Statement& row) {
    key_.assign(row.Text(0));
    key_ += '\0';
    key_ += row.Text(1);
    const auto [found, is_new] = sums_.try_emplace(key_);
    v1::CompiledPackage& sum = found->second;
    if (is_new) {
      sum.set_name(std::string(row.Text(0)));
      sum.set_version(std::string(row.Text(1)));
      *sum.mutable_platform() = platform_;
    }
    const double seconds = row.IsNull(2) ? 0 : row.Double(2);
    sum.set_last_finished_at(row.Int64(7));
    sum.set_last_build_id(row.Int64(8));
    if (row.Int64(3) != 0) {
      sum.set_failed(sum.failed() + 1);
      sum.set_failed_seconds(sum.failed_seconds() + seconds);
      return;
    }
    const int timed = row.IsNull(2) ? 0 : 1;
    sum.set_times(sum.times() + 1);
    sum.set_timed(sum.timed() + timed);
    sum.set_seconds(sum.seconds() + seconds);
    if (row.Int64(4) != 0) {
      sum.set_emulated(sum.emulated() + 1);
      sum.set_emulated_timed(sum.emulated_timed() + timed);
      sum.set_emulated_seconds(sum.emulated_seconds() + seconds);
    }
    sum.set_replicas(sum.replicas() + (row.Int64(5) != 0 ? 1 : 0));
    sum.set_build_dependencies(sum.build_dependencies() + (row.Int64(6) != 0 ? 1 : 0));
  }

  void MoveTo(std::vector<v1::CompiledPackage>* rows) {
    rows->reserve(rows->size() + sums_.size());
    for (auto& [key, sum] : sums_) rows->push_back(std::move(sum));
  }

 private:
  v1::Platform platform_;
  std::string key_;
  std::unordered_map<std::string, v1::CompiledPackage> sums_;
};

bool ComesFirst(v1::CompiledPackagesRequest::Order order, const v1::CompiledPackage& left,
                const v1::CompiledPackage& right) {
  const auto identity = [](const v1::CompiledPackage& row) {
    return std::tuple(std::string_view(row.name()), std::string_view(row.version()),
                      std::string_view(row.platform().os()), std::string_view(row.platform().architecture()),
                      std::string_view(row.platform().variant()));
  };
  const auto weight = [order](const v1::CompiledPackage& row) -> double {
    switch (order) {
      case v1::CompiledPackagesRequest::ORDER_COUNT:
        return static_cast<double>(row.times() + row.failed());
      case v1::CompiledPackagesRequest::ORDER_NAME:
        return 0;
      case v1::CompiledPackagesRequest::ORDER_LAST:
        return static_cast<double>(row.last_finished_at());
      default:
        return row.seconds() + row.failed_seconds();
    }
  };
  const double left_weight = weight(left);
  const double right_weight = weight(right);
  return left_weight != right_weight ? left_weight > right_weight : identity(left) < identity(right);
}

v1::PackageHistoryRow ReadHistoryRow(const Statement& query, const std::string& platform) {
  v1::PackageHistoryRow row;
  row.set_finished_at(query.Int64(0));
  row.set_execution(query.Int64(1));
  row.set_build_id(query.Int64(2));
  row.set_stage(static_cast<uint32_t>(query.Int64(3)));
  row.set_step_number(static_cast<uint32_t>(query.Int64(4)));
  row.set_replica(static_cast<uint32_t>(query.Int64(5)));
  row.set_worker(std::string(query.Text(6)));
  *row.mutable_package() = ReadPackage(query, 7);
  if (!platform.empty()) SetPlatform(platform, row.mutable_platform());
  return row;
}

}  // namespace

absl::StatusOr<v1::PackageHistoryResponse> PackageQueries::History(const std::string& name,
                                                                   const PackageFilter& filter) {
  RecursiveMutexLock lock(connection_.mutex());
  std::vector<std::string> platforms = {filter.platform};
  if (filter.platform.empty()) {
    ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kPlatformsOfPackage));
    query->Bind(name);
    ASSIGN_OR_RETURN(platforms, ReadTexts(*query));
  }
  std::vector<std::pair<v1::PackageHistoryRow, std::string>> rows;
  for (const std::string& platform : platforms) {
    ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kHistory));
    query->Bind(name, platform, filter.since, filter.limit + 1, filter.scope.project());
    while (true) {
      ASSIGN_OR_RETURN(const bool found, query->Step());
      if (!found) break;
      rows.emplace_back(ReadHistoryRow(*query, platform), platform);
    }
  }
  std::stable_sort(rows.begin(), rows.end(), [](const auto& left, const auto& right) {
    return std::tuple(left.first.finished_at(), left.first.execution()) >
           std::tuple(right.first.finished_at(), right.first.execution());
  });
  v1::PackageHistoryResponse response;
  response.set_more(rows.size() > static_cast<size_t>(filter.limit));
  rows.resize(std::min(rows.size(), static_cast<size_t>(filter.limit)));
  for (auto& [row, platform] : rows) {
    ASSIGN_OR_RETURN(std::optional<v1::OtherWay> other, FindOtherWay(row.package(), platform, filter.scope));
    if (other) *row.mutable_other_way() = *std::move(other);
    *response.add_rows() = std::move(row);
  }
  return response;
}

absl::StatusOr<v1::CompiledPackagesResponse> PackageQueries::Compiled(
    v1::CompiledPackagesRequest::Order order, const PackageFilter& filter) {
  RecursiveMutexLock lock(connection_.mutex());
  std::vector<std::string> platforms = {filter.platform};
  if (filter.platform.empty()) {
    ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kCompilingPlatforms));
    ASSIGN_OR_RETURN(platforms, ReadTexts(*query));
  }
  std::vector<v1::CompiledPackage> rows;
  for (const std::string& platform : platforms) {
    Sums sums(platform);
    ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kCompilations));
    query->Bind(platform, filter.since, filter.scope.project());
    while (true) {
      ASSIGN_OR_RETURN(const bool found, query->Step());
      if (!found) break;
      sums.Add(*query);
    }
    sums.MoveTo(&rows);
  }
  v1::CompiledPackagesResponse response;
  response.set_releases(static_cast<int64_t>(rows.size()));
  for (const v1::CompiledPackage& row : rows) {
    response.set_times(response.times() + row.times());
    response.set_seconds(response.seconds() + row.seconds());
    response.set_failed(response.failed() + row.failed());
    response.set_failed_seconds(response.failed_seconds() + row.failed_seconds());
  }
  const size_t shown = std::min(rows.size(), static_cast<size_t>(filter.limit));
  response.set_more(rows.size() > shown);
  std::vector<size_t> sorted(rows.size());
  for (size_t i = 0; i < sorted.size(); ++i) sorted[i] = i;
  std::partial_sort(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(shown), sorted.end(),
                    [&](size_t left, size_t right) { return ComesFirst(order, rows[left], rows[right]); });
  for (size_t i = 0; i < shown; ++i) *response.add_rows() = std::move(rows[sorted[i]]);
  return response;
}

absl::StatusOr<std::optional<v1::OtherWay>> PackageQueries::FindOtherWay(const v1::PackageOutcome& package,
                                                                         const std::string& platform,
                                                                         const core::Scope& scope) {
  const bool compiled = package.outcome() == v1::OUTCOME_SOURCE && package.seconds() >= 0;
  // Without version or tag nobody knows that it is the same.
  if (!compiled || package.version().empty() || package.tag().empty() || platform.empty())
    return std::optional<v1::OtherWay>();
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kOtherWay));
  query->Bind(package.name(), package.version(), platform, package.tag(), !package.emulated(),
              scope.project());
  ASSIGN_OR_RETURN(const bool found, query->Step());
  if (!found) return std::optional<v1::OtherWay>();
  v1::OtherWay other;
  other.set_seconds(query->Double(0));
  other.set_build_id(query->Int64(1));
  other.set_execution(query->Int64(2));
  return other;
}

absl::StatusOr<std::optional<v1::EarlierBuild>> PackageQueries::FindEarlier(const std::string& recipe,
                                                                            const std::string& arguments,
                                                                            const std::string& platform,
                                                                            int64_t submitted_at) {
  if (recipe.empty()) return std::optional<v1::EarlierBuild>();
  v1::EarlierBuild earlier;
  earlier.set_recipe(recipe);
  SetPlatform(platform, earlier.mutable_platform());
  const auto read = [&earlier](Statement& query) -> absl::StatusOr<bool> {
    ASSIGN_OR_RETURN(const bool found, query.Step());
    if (!found) return false;
    earlier.set_build_id(query.Int64(0));
    earlier.set_finished_at(query.Int64(1));
    return true;
  };
  RecursiveMutexLock lock(connection_.mutex());
  {
    ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kEarlierSameArguments));
    query->Bind(recipe, platform, arguments, submitted_at);
    ASSIGN_OR_RETURN(const bool found, read(*query));
    if (found) return earlier;
  }
  ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kEarlier));
  query->Bind(recipe, platform, submitted_at);
  ASSIGN_OR_RETURN(const bool found, read(*query));
  if (!found) return std::optional<v1::EarlierBuild>();
  earlier.set_other_arguments(true);
  return earlier;
}

}  // namespace crossmill::storage
