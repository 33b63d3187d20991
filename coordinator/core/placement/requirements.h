// What a task needs of the worker that executes it, and whose it is. Pure.
#pragma once

#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/core/expected_time.h"
#include "coordinator/core/host_room.h"
#include "coordinator/core/layer_places.h"
#include "coordinator/core/placement/realm.h"
#include "coordinator/core/standing/author.h"
#include "crossmill/v1/plan.pb.h"

namespace crossmill::core {

using TaskId = uint64_t;
using LeaseNumber = uint64_t;

enum class Spread {
  // Anywhere.
  kNone,
  // On a worker that is not one of `avoid` and runs no other task of the group.
  kWorkers,
  // On a host that is not one of `avoid` and runs no other task of the group.
  kHosts,
};

struct Places {
  std::set<std::string> hosts;
  std::set<std::string> workers;
  bool operator==(const Places&) const = default;
};

struct Requirements {
  v1::Platform platform;
  // Executes nothing of that platform: any worker will do.
  bool neutral = false;
  bool forbid_emulation = false;
  Spread spread = Spread::kNone;
  // Tasks with the same non-zero group are spread: the replicas of a stage.
  uint64_t group = 0;
  // Only gets what no other task waits for, and gives it back as soon as a first one (without a group) does.
  bool spare = false;
  // By whose share it runs, and its place among the others of that project (queue_rank.h).
  std::string project = std::string(kDefaultProject);
  int32_t priority = 0;
  // Numbers the build, in the order in which builds came: a worker that is cordoned takes no later ones.
  int64_t build = 0;
  Realm realm;
  ExpectedUse use;
  ExpectedTime time;
  // How long the longest chain through it takes: since its build came, itself, and what waits for it
  // (critical_path.h).
  absl::Duration path;
  // What its worker needs, LayerPlaces::Worthwhile.
  std::vector<LayerSize> layers;
  // Of `spread`.
  Places avoid;
  // For messages: "builder on linux/arm64".
  std::string description;
};

}  // namespace crossmill::core
