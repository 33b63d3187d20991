#include "coordinator/core/placement/realm.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/words/worker_labels.h"

namespace crossmill::core {

Realm RealmOf(const v1::BuildOptions& options, const std::string& usual_pool) {
  Realm realm;
  realm.pool = options.pool().empty() ? usual_pool : options.pool();
  for (const v1::WorkerConstraint& constraint : options.constraints())
    realm.constraints.insert(FormatConstraint(constraint));
  return realm;
}

std::string KeyOf(const Realm& realm) {
  if (realm.IsEverywhere()) return "";
  // No name has a blank or a line's end.
  return fmt::format("{} {}", realm.pool, absl::StrJoin(realm.constraints, " "));
}

std::string PhraseOf(const Realm& realm) {
  std::string phrase = realm.pool.empty() ? "" : fmt::format("in pool {}", realm.pool);
  if (realm.constraints.empty()) return phrase;
  if (!phrase.empty()) phrase += ' ';
  return phrase + "with " + absl::StrJoin(realm.constraints, " and ");
}

bool IsInPool(const v1::WorkerInfo& worker, const Realm& realm) {
  return realm.pool.empty() || worker.pool() == realm.pool;
}

bool Contains(const Realm& realm, const v1::WorkerInfo& worker) {
  return IsInPool(worker, realm) &&
         std::all_of(realm.constraints.begin(), realm.constraints.end(), [&](const std::string& text) {
           const auto constraint = ParseConstraint(text);
           return constraint.ok() && Satisfies(worker, *constraint);
         });
}

}  // namespace crossmill::core
