// PackageQueries::Uses: which builds have a package, newest first.
//
// Two ways, both exact. A release that few executions have is looked up by them, and their builds are merged.
// One that many have is met soon by walking the builds from the newest; if it is not (it was frequent long
// ago), the first way is taken after all.
#include <algorithm>
#include <queue>
#include <tuple>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/words/platform.h"
#include "coordinator/storage/package_queries.h"
#include "coordinator/storage/package_row.h"
#include "coordinator/storage/package_statements.h"

namespace crossmill::storage {
namespace {

// So many executions are looked up in a few milliseconds.
constexpr int64_t kFewExecutions = 4000;
// So many steps of builds are walked before the other way is taken.
constexpr int kMostWalked = 6000;

// A package of a step of a build.
struct UsePlace {
  int64_t build = 0;
  int64_t stage = 0;
  int64_t step_number = 0;
  int64_t position = 0;
};

// A package of an execution, and the newest build that has the execution, of those that are still to be told.
struct Holder {
  int64_t build = 0;
  int64_t execution = 0;
  int64_t position = 0;
  friend bool operator<(const Holder& left, const Holder& right) {
    return std::tie(left.build, left.execution, left.position) <
           std::tie(right.build, right.execution, right.position);
  }
};

class UseSearch {
 public:
  UseSearch(Connection& connection, const std::string& name, const PackageFilter& filter)
      : connection_(connection),
        name_(name),
        filter_(filter),
        wanted_(static_cast<size_t>(filter.limit) + 1) {}

  // The places, newest build first: one more than wanted if there are more.
  absl::StatusOr<std::vector<UsePlace>> Find(const std::function<bool(std::string_view)>& matches) {
    RecursiveMutexLock lock(connection_.mutex());
    ASSIGN_OR_RETURN(const bool any, FindFirstBuild());
    if (any) RETURN_IF_ERROR(FindVersions(matches));
    if (versions_.empty()) return std::vector<UsePlace>();
    ASSIGN_OR_RETURN(const bool few, AreFew());
    if (!few) {
      ASSIGN_OR_RETURN(const bool done, Walk());
      if (done) return std::move(places_);
      places_.clear();
    }
    RETURN_IF_ERROR(Merge());
    return std::move(places_);
  }

 private:
  // False: no build was submitted since then.
  absl::StatusOr<bool> FindFirstBuild() ABSL_EXCLUSIVE_LOCKS_REQUIRED(connection_.mutex()) {
    if (filter_.since <= 0) return true;
    ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kFirstBuildSince));
    query->Bind(filter_.since);
    ASSIGN_OR_RETURN(const bool found, query->Step());
    if (found) first_build_ = query->Int64(0);
    return found;
  }

  absl::Status FindVersions(const std::function<bool(std::string_view)>& matches)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(connection_.mutex()) {
    ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kVersionsOfPackage));
    query->Bind(name_);
    while (true) {
      ASSIGN_OR_RETURN(const bool row, query->Step());
      if (!row) return absl::OkStatus();
      if (matches(query->Text(0))) versions_.emplace_back(query->Text(0));
    }
  }

  absl::StatusOr<bool> AreFew() ABSL_EXCLUSIVE_LOCKS_REQUIRED(connection_.mutex()) {
    int64_t left = kFewExecutions;
    for (const std::string& version : versions_) {
      ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kCountRelease));
      query->Bind(name_, version, left + 1);
      ASSIGN_OR_RETURN(const bool row, query->Step());
      if (row) left -= query->Int64(0);
      if (left < 0) return false;
    }
    return true;
  }

  // True: `places_` is the answer.
  absl::StatusOr<bool> Walk() ABSL_EXCLUSIVE_LOCKS_REQUIRED(connection_.mutex()) {
    ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kWalkSteps));
    query->Bind(name_, first_build_, filter_.platform, filter_.scope.project());
    for (int walked = 0; walked < kMostWalked; ++walked) {
      ASSIGN_OR_RETURN(const bool row, query->Step());
      if (!row) return true;
      if (query->IsNull(4)) continue;
      ASSIGN_OR_RETURN(const bool is_use, IsUse(query->Int64(3), query->Int64(4)));
      if (is_use) places_.push_back({query->Int64(0), query->Int64(1), query->Int64(2), query->Int64(4)});
      if (places_.size() == wanted_) return true;
    }
    return false;
  }

  absl::StatusOr<bool> IsUse(int64_t execution, int64_t position)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(connection_.mutex()) {
    ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kVersionAt));
    query->Bind(execution, position);
    ASSIGN_OR_RETURN(const bool row, query->Step());
    return row && query->Int64(1) != v1::OUTCOME_FAILED &&
           std::binary_search(versions_.begin(), versions_.end(), query->Text(0));
  }

  absl::Status Merge() ABSL_EXCLUSIVE_LOCKS_REQUIRED(connection_.mutex()) {
    ASSIGN_OR_RETURN(std::priority_queue<Holder> holders, FindHolders());
    while (!holders.empty() && places_.size() < wanted_) {
      Holder holder = holders.top();
      holders.pop();
      {
        ASSIGN_OR_RETURN(StatementUse steps, connection_.Use(kStepsOfExecution));
        steps->Bind(holder.execution, holder.build);
        while (true) {
          ASSIGN_OR_RETURN(const bool row, steps->Step());
          if (!row) break;
          places_.push_back({holder.build, steps->Int64(0), steps->Int64(1), holder.position});
        }
      }
      ASSIGN_OR_RETURN(StatementUse before, connection_.Use(kBuildBefore));
      before->Bind(holder.execution, holder.build, first_build_, filter_.scope.project());
      ASSIGN_OR_RETURN(const bool row, before->Step());
      if (!row) continue;
      holder.build = before->Int64(0);
      holders.push(holder);
    }
    return absl::OkStatus();
  }

  // Those with the newest builds: each gives one place at least, so no other is needed.
  absl::StatusOr<std::priority_queue<Holder>> FindHolders()
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(connection_.mutex()) {
    std::vector<Holder> holders;
    for (const std::string& version : versions_) {
      ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kExecutionsWithRelease));
      query->Bind(name_, version, filter_.platform, filter_.scope.project());
      while (true) {
        ASSIGN_OR_RETURN(const bool row, query->Step());
        if (!row) break;
        if (query->IsNull(2) || query->Int64(2) < first_build_) continue;
        holders.push_back({query->Int64(2), query->Int64(0), query->Int64(1)});
      }
    }
    if (holders.size() > wanted_) {
      const auto end = holders.begin() + static_cast<std::ptrdiff_t>(wanted_);
      std::nth_element(holders.begin(), end, holders.end(),
                       [](const Holder& a, const Holder& b) { return b < a; });
      holders.resize(wanted_);
    }
    return std::priority_queue<Holder>(std::less<Holder>(), std::move(holders));
  }

  Connection& connection_;
  const std::string& name_;
  const PackageFilter& filter_;
  const size_t wanted_;
  int64_t first_build_ = 0;
  // Those that match, sorted.
  std::vector<std::string> versions_;
  std::vector<UsePlace> places_;
};

v1::PackageUse ReadUse(const Statement& query, const UsePlace& place) {
  v1::PackageUse use;
  use.set_build_id(place.build);
  use.set_stage(static_cast<uint32_t>(place.stage));
  use.set_step_number(static_cast<uint32_t>(place.step_number));
  use.set_status(static_cast<v1::BuildStatus>(query.Int64(0)));
  use.set_submitted_at(query.Int64(1));
  use.set_finished_at(query.Int64(2));
  use.set_recipe(std::string(query.Text(3)));
  use.set_executed_by(query.Int64(4));
  use.set_stage_name(std::string(query.Text(5)));
  if (auto platform = ParsePlatform(query.Text(6)); platform.ok())
    *use.mutable_platform() = *std::move(platform);
  use.set_execution(query.Int64(7));
  *use.mutable_package() = ReadPackage(query, 8);
  return use;
}

}  // namespace

absl::StatusOr<v1::PackageUsesResponse> PackageQueries::Uses(
    const std::string& name, const std::function<bool(std::string_view version)>& matches,
    const PackageFilter& filter) {
  RecursiveMutexLock lock(connection_.mutex());
  ASSIGN_OR_RETURN(std::vector<UsePlace> places, UseSearch(connection_, name, filter).Find(matches));
  const auto order = [](const UsePlace& place) {
    return std::tuple(-place.build, place.stage, place.step_number, place.position);
  };
  std::sort(places.begin(), places.end(),
            [&](const UsePlace& left, const UsePlace& right) { return order(left) < order(right); });
  v1::PackageUsesResponse response;
  response.set_more(places.size() > static_cast<size_t>(filter.limit));
  places.resize(std::min(places.size(), static_cast<size_t>(filter.limit)));
  for (const UsePlace& place : places) {
    ASSIGN_OR_RETURN(StatementUse query, connection_.Use(kUse));
    query->Bind(place.build, place.stage, place.step_number, place.position);
    ASSIGN_OR_RETURN(const bool row, query->Step());
    if (row) *response.add_rows() = ReadUse(*query, place);
  }
  return response;
}

}  // namespace crossmill::storage
