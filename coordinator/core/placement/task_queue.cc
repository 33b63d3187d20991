#include "coordinator/core/placement/task_queue.h"

#include "common/base/status.h"
#include "common/words/platform.h"

namespace crossmill::core {
namespace {

int WeightOf(const ExpectedUse& use) {
  if (!use.cpus) return 0;
  if (*use.cpus < 0.2) return 1;
  if (*use.cpus < 0.75) return 2;
  return *use.cpus < 1.5 ? 3 : 4;
}

}  // namespace

std::string PlaceOf(const std::string& realm, const std::string& platform) {
  return realm.empty() ? platform : fmt::format("{}\n{}", realm, platform);
}

std::string PlatformOf(const Requirements& requirements) {
  return requirements.neutral ? std::string() : FormatPlatform(requirements.platform);
}

TaskKind KindOf(const Requirements& requirements) {
  TaskKind kind;
  kind.neutral = requirements.neutral;
  kind.place = PlaceOf(KeyOf(requirements.realm), PlatformOf(requirements));
  kind.forbid_emulation = !requirements.neutral && requirements.forbid_emulation;
  kind.picky = requirements.spread != Spread::kNone;
  kind.spare = requirements.spare;
  kind.replica = requirements.group != 0;
  kind.weight = WeightOf(requirements.use);
  kind.project = requirements.project;
  return kind;
}

Avoided AvoidedBy(const Requirements& requirements) {
  Avoided avoided;
  if (requirements.spread == Spread::kHosts) avoided.hosts = &requirements.avoid.hosts;
  if (requirements.spread == Spread::kWorkers) avoided.workers = &requirements.avoid.workers;
  return avoided;
}

size_t CountAvoided(const Requirements& requirements) {
  return requirements.spread == Spread::kHosts ? requirements.avoid.hosts.size()
                                               : requirements.avoid.workers.size();
}

NativeBacklog::Waiting WaitingOf(TaskId id, const ScheduledTask& task) {
  return {id, task.rank, task.requirements.time, task.kind.forbid_emulation, task.queued_at};
}

}  // namespace crossmill::core
