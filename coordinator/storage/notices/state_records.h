// What names are now and how that changed, in tables that are derived in the transactions that end builds;
// and which webhooks are to be told, in the same transactions, so that no restart loses one.
#pragma once

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/core/standing/scope.h"
#include "coordinator/storage/connection.h"
#include "crossmill/v1/build.pb.h"
#include "crossmill/v1/notices.pb.h"

namespace crossmill::storage {

// What tells a farm from others.
struct FarmIdentity {
  // 16 hex digits.
  std::string id;
  // "2026-11-27".
  std::string since;
};

// Behind which state a page begins.
struct StatePlace {
  std::string name = {};
  std::string platform = {};
  // As the record has it: "default".
  std::string project = {};
};

// Thread safe. The connection outlives it. Only what the scope sees is told. Platforms are FormatPlatform's;
// empty names and platforms are all. A name is as a state has it, or an image name with tag, digest or what
// Docker adds.
class StateRecords {
 public:
  explicit StateRecords(Connection& connection) : connection_(connection) {}

  // Newest first, ids below `before` (0: from the newest).
  absl::StatusOr<std::vector<v1::StateChange>> Changes(const std::string& name, const std::string& platform,
                                                       int64_t before, int limit,
                                                       const core::Scope& scope = core::Scope::OfFarm());
  // By name, platform and project, behind these (empty: from the first).
  absl::StatusOr<std::vector<v1::NameState>> States(const std::string& name, const std::string& platform,
                                                    const StatePlace& after, int limit,
                                                    const core::Scope& scope = core::Scope::OfFarm());
  absl::StatusOr<FarmIdentity> Identity();

 private:
  // As a state has it: the name itself if there is one, else the image that it may be.
  absl::StatusOr<std::string> NameMeant(const std::string& name, const core::Scope& scope)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(connection_.mutex());

  Connection& connection_;
};

// A build that has ended: its changes, and the deliveries that follow from them. Once more changes nothing.
absl::Status RecordStates(Connection& connection, const v1::BuildSubmission& submission,
                          const v1::BuildView& view) ABSL_EXCLUSIVE_LOCKS_REQUIRED(connection.mutex());

// Everything of a record that has no states yet, as FillBuildHistory.
absl::Status FillStates(Database& database);

}  // namespace crossmill::storage
