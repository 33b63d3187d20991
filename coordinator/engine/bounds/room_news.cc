#include "coordinator/engine/bounds/room_news.h"

#include <string>

#include "common/base/status.h"

namespace crossmill::coordinator {

void RoomNews::Tell(const RunningBuilds& builds, int64_t now, std::set<int64_t>* touched) {
  const RoomLevel level = room_ == nullptr ? RoomLevel::kEnough : room_->level();
  if (level == RoomLevel::kEnough && told_.empty()) return;
  std::erase_if(told_, [&](int64_t id) { return !builds.contains(id); });
  for (const auto& [id, build] : builds) {
    if (build->concluding) continue;
    const bool planning = build->state.view().status() == v1::BUILD_STATUS_PLANNING;
    const bool waits = level == RoomLevel::kRecordOnly || (level == RoomLevel::kNothingNew && planning);
    if (waits == told_.contains(id)) continue;
    build->state.Enter(now);
    touched->insert(id);
    if (waits) {
      told_.insert(id);
      build->state.Notice(true, fmt::format("the build waits: {}", room_->reason()));
    } else {
      told_.erase(id);
      build->state.Notice(false, "there is room on the coordinator's disk again; the build goes on");
    }
  }
}

}  // namespace crossmill::coordinator
