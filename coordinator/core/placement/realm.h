// Which workers a build may use: those of its pool that satisfy its constraints. Pure.
//
// Where a step is executed is in no step key: the bytes are to be the same wherever that is, and whether they
// are is what --verify finds out. So a build in one pool goes on from what another pool made.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/worker.pb.h"

namespace crossmill::core {

struct Realm {
  // Empty: any.
  std::string pool;
  // As FormatConstraint writes them, sorted: so that one realm has one form.
  std::set<std::string> constraints;

  bool IsEverywhere() const { return pool.empty() && constraints.empty(); }
  bool operator==(const Realm&) const = default;
};

// Of checked options. `usual_pool`: where they name none; empty: any.
Realm RealmOf(const v1::BuildOptions& options, const std::string& usual_pool);

// The realm as one text; empty: everywhere. For indexes, not for people.
std::string KeyOf(const Realm& realm);
// "in pool arm with zone=a and disk!=slow"; empty: everywhere.
std::string PhraseOf(const Realm& realm);

bool IsInPool(const v1::WorkerInfo& worker, const Realm& realm);
bool Contains(const Realm& realm, const v1::WorkerInfo& worker);

}  // namespace crossmill::core
