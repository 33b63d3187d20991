#include "coordinator/core/package_changes.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "common/words/platform.h"

namespace crossmill::core {
namespace {

// A step that shares its processors may take longer for that alone: what is shorter says nothing.
constexpr double kSlowerTimes = 2;
constexpr double kSlowerSeconds = 5;

// Platform, scope, name.
using Key = std::tuple<std::string, std::string, std::string>;
using Packages = std::vector<const PlacedPackage*>;

std::map<Key, Packages> ByKey(absl::Span<const PlacedPackage> packages) {
  std::map<Key, Packages> keyed;
  for (const PlacedPackage& package : packages) {
    keyed[{FormatPlatform(package.platform), package.outcome.scope(), package.outcome.name()}].push_back(
        &package);
  }
  return keyed;
}

std::string Versions(const Packages& packages) {
  std::set<std::string> versions;
  for (const PlacedPackage* package : packages) {
    if (!package->outcome.version().empty()) versions.insert(package->outcome.version());
  }
  std::string joined;
  for (const std::string& version : versions) joined += (joined.empty() ? "" : ", ") + version;
  return joined;
}

std::set<int64_t> Executions(const Packages& packages) {
  std::set<int64_t> executions;
  for (const PlacedPackage* package : packages) executions.insert(package->execution);
  return executions;
}

bool IsWheel(const v1::PackageOutcome& package) { return package.outcome() == v1::OUTCOME_WHEEL; }

bool IsFailed(const v1::PackageOutcome& package) { return package.outcome() == v1::OUTCOME_FAILED; }

// It was compiled, now or earlier. Not what came from a repository or a folder, which was asked for
// otherwise.
bool IsCompiled(const v1::PackageOutcome& package) {
  return package.outcome() == v1::OUTCOME_SOURCE || package.outcome() == v1::OUTCOME_SOURCE_CACHED;
}

// Or it failed while it was compiled. What was not found, or not fetched, has no time.
bool IsFromSource(const v1::PackageOutcome& package) {
  return IsCompiled(package) || (IsFailed(package) && package.seconds() >= 0);
}

bool IsProven(v1::Outcome outcome) {
  return outcome != v1::OUTCOME_UNKNOWN && outcome != v1::OUTCOME_BYPASSED &&
         outcome != v1::OUTCOME_UNSPECIFIED;
}

template <typename Predicate>
bool All(const Packages& packages, Predicate predicate) {
  return std::all_of(packages.begin(), packages.end(),
                     [&](const PlacedPackage* package) { return predicate(package->outcome); });
}

// The package that stands for all of its name: one that satisfies, else the first.
template <typename Predicate>
const PlacedPackage* Pick(const Packages& packages, Predicate predicate) {
  for (const PlacedPackage* package : packages) {
    if (predicate(package->outcome)) return package;
  }
  return packages.empty() ? nullptr : packages.front();
}

void Describe(const Packages& packages, const PlacedPackage* picked, bool before, v1::PackageChange* change) {
  const v1::Outcome outcome = picked == nullptr ? v1::OUTCOME_UNSPECIFIED : picked->outcome.outcome();
  const double seconds = picked == nullptr ? -1 : picked->outcome.seconds();
  if (before) {
    change->set_version_before(Versions(packages));
    change->set_outcome_before(outcome);
    change->set_seconds_before(seconds);
  } else {
    change->set_version(Versions(packages));
    change->set_outcome(outcome);
    change->set_seconds(seconds);
  }
}

bool IsSlower(const PlacedPackage& before, const PlacedPackage& now) {
  const double then_seconds = before.outcome.seconds();
  const double seconds = now.outcome.seconds();
  return before.outcome.outcome() == v1::OUTCOME_SOURCE && now.outcome.outcome() == v1::OUTCOME_SOURCE &&
         before.outcome.emulated() == now.outcome.emulated() && then_seconds >= 0 &&
         seconds >= kSlowerTimes * then_seconds && seconds - then_seconds >= kSlowerSeconds;
}

class Comparison {
 public:
  Comparison(int64_t build_before, bool complete) : build_before_(build_before), complete_(complete) {}

  void Compare(const Key& key, const Packages& before, const Packages& now) {
    const bool runtime = std::get<1>(key) == "runtime";
    if (before.empty() || now.empty()) {
      const auto kind = before.empty() ? v1::PackageChange::KIND_NEW : v1::PackageChange::KIND_GONE;
      // A failure is no package that came.
      const bool came = !now.empty() && !All(now, IsFailed);
      if (runtime && (before.empty() ? came : complete_)) Add(key, kind, before, now);
      return;
    }
    if (Executions(before) == Executions(now)) return;
    if (CompareArrival(key, runtime, before, now)) return;
    if (All(now, IsFailed)) return;
    if (!Versions(before).empty() && !Versions(now).empty() && Versions(before) != Versions(now)) {
      Add(key, v1::PackageChange::KIND_VERSION, before, now);
    } else if (before.size() == 1 && now.size() == 1 && IsSlower(*before.front(), *now.front())) {
      Add(key, v1::PackageChange::KIND_SLOWER, before, now);
    }
  }

  std::vector<v1::PackageChange> Take() {
    const auto key = [](const v1::PackageChange& change) {
      return std::tuple(change.kind() != v1::PackageChange::KIND_NO_LONGER_WHEEL, change.kind(),
                        change.name(), FormatPlatform(change.platform()), change.scope());
    };
    std::sort(changes_.begin(), changes_.end(),
              [&](const auto& left, const auto& right) { return key(left) < key(right); });
    return std::move(changes_);
  }

 private:
  // True: how it arrives has changed, which says its versions too.
  bool CompareArrival(const Key& key, bool runtime, const Packages& before, const Packages& now) {
    if (All(before, IsWheel) && std::any_of(now.begin(), now.end(), [](const PlacedPackage* package) {
          return IsFromSource(package->outcome);
        })) {
      Add(key, v1::PackageChange::KIND_NO_LONGER_WHEEL, before, now);
      return true;
    }
    if (All(before, IsCompiled) && All(now, IsWheel)) {
      Add(key, v1::PackageChange::KIND_NOW_WHEEL, before, now);
      return true;
    }
    const v1::Outcome outcome_before = before.front()->outcome.outcome();
    const v1::Outcome outcome = now.front()->outcome.outcome();
    // Of several of one name that arrive in different ways nobody knows which became which.
    const auto is = [](v1::Outcome wanted) {
      return [wanted](const v1::PackageOutcome& package) { return package.outcome() == wanted; };
    };
    const bool uniform = All(before, is(outcome_before)) && All(now, is(outcome));
    if (!runtime || !uniform || outcome == outcome_before || !IsProven(outcome_before) || !IsProven(outcome))
      return false;
    Add(key, v1::PackageChange::KIND_OUTCOME, before, now);
    return true;
  }

  void Add(const Key& key, v1::PackageChange::Kind kind, const Packages& before, const Packages& now) {
    v1::PackageChange& change = changes_.emplace_back();
    *change.mutable_platform() = (now.empty() ? before : now).front()->platform;
    change.set_scope(std::get<1>(key));
    change.set_name(std::get<2>(key));
    change.set_kind(kind);
    change.set_build_before(build_before_);
    Describe(before, Pick(before, IsWheel), true, &change);
    Describe(now, Pick(now, IsFromSource), false, &change);
  }

  const int64_t build_before_;
  const bool complete_;
  std::vector<v1::PackageChange> changes_;
};

}  // namespace

std::vector<v1::PackageChange> ComparePackages(absl::Span<const PlacedPackage> before,
                                               absl::Span<const PlacedPackage> now, int64_t build_before,
                                               bool complete) {
  const std::map<Key, Packages> earlier = ByKey(before);
  const std::map<Key, Packages> later = ByKey(now);
  std::set<Key> keys;
  for (const auto& [key, packages] : earlier) keys.insert(key);
  for (const auto& [key, packages] : later) keys.insert(key);
  Comparison comparison(build_before, complete);
  static const Packages kNone;
  const auto find = [](const std::map<Key, Packages>& all, const Key& key) -> const Packages& {
    const auto found = all.find(key);
    return found == all.end() ? kNone : found->second;
  };
  for (const Key& key : keys) comparison.Compare(key, find(earlier, key), find(later, key));
  return comparison.Take();
}

}  // namespace crossmill::core
