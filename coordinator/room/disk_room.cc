#include "coordinator/room/disk_room.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "common/base/log.h"
#include "common/base/room/spare_room.h"
#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

// Room to spare above a floor, so that a disk at it does not come and go.
constexpr double kEnoughAgain = 1.1;
// Of a disk the reserve is at most this part.
constexpr uint64_t kReserveShare = 16;
constexpr uint64_t kReserveFiles = 256;
// Pieces of blobs add up to so much before the disk is looked at again.
constexpr int64_t kLookAfter = 4 << 20;

DiskSpace Measured(const DiskRoomOptions& options) {
  const absl::StatusOr<DiskSpace> space = options.measure(options.folder);
  if (space.ok()) return *space;
  // A disk that cannot be asked is not called full for it: what is written says so itself.
  LogWarning("the room on the disk of {} is not known: {}", options.folder, Sv(space.status().message()));
  return {.free = UINT64_MAX, .total = UINT64_MAX};
}

}  // namespace

DiskRoom::DiskRoom(DiskRoomOptions options) : options_(std::move(options)) {
  const DiskSpace space = Measured(options_);
  {
    MutexLock lock(mutex_);
    least_space_ = options_.least_space == 0 ? UsualLeastSpace(space) : options_.least_space;
    least_files_ = UsualLeastFiles(space);
  }
  reserve_ = std::make_unique<DiskReserve>(options_.folder + "/reserve",
                                           std::min(options_.reserve_bytes, space.total / kReserveShare),
                                           std::min(kReserveFiles, space.files_total / kReserveShare));
  SetSpareRoom([this] {
    const DiskSpace left = Measured(options_);
    MutexLock lock(mutex_);
    // Who failed for want of something else, such as descriptors, has no use for it.
    if (left.free >= least_space_ && (left.files_total == 0 || left.files_free >= least_files_)) return false;
    if (!reserve_->Release()) return false;
    space_ = left;
    level_ = RoomLevel::kRecordOnly;
    reason_ = ReasonOf(RoomLevel::kRecordOnly, left);
    LogError("the reserve is given to the record: {}", reason_);
    return true;
  });
  Look();
  watch_ = std::jthread([this](const std::stop_token& stop) { Watch(stop); });
}

DiskRoom::~DiskRoom() {
  watch_.request_stop();
  {
    MutexLock lock(mutex_);
    changed_.NotifyAll();
  }
  watch_.join();
  SetSpareRoom(nullptr);
}

RoomLevel DiskRoom::LevelOf(const DiskSpace& space) const {
  // The more was refused, the more there has to be before it is taken again.
  const bool within_budget = over_budget_.empty();
  const auto below = [&](uint64_t bytes, uint64_t files, RoomLevel level) {
    const double factor = level_ >= level && within_budget ? kEnoughAgain : 1.0;
    const bool no_bytes = static_cast<double>(space.free) < static_cast<double>(bytes) * factor;
    const bool no_files =
        space.files_total != 0 && static_cast<double>(space.files_free) < static_cast<double>(files) * factor;
    return no_bytes || no_files;
  };
  if (!reserve_->held()) return RoomLevel::kRecordOnly;
  if (below(least_space_ / 2, least_files_ / 2, RoomLevel::kRecordOnly)) return RoomLevel::kRecordOnly;
  if (below(least_space_, least_files_, RoomLevel::kNothingNew)) return RoomLevel::kNothingNew;
  return RoomLevel::kEnough;
}

std::string DiskRoom::ReasonOf(RoomLevel level, const DiskSpace& space) const {
  if (level == RoomLevel::kEnough) return "";
  const bool of_files =
      space.files_total != 0 && space.files_free < 2 * least_files_ && space.free > least_space_;
  const std::string left = of_files ? fmt::format("{} files", space.files_free) : SpaceInWords(space.free);
  const std::string floor = of_files ? fmt::format("{} files", least_files_) : SpaceInWords(least_space_);
  return fmt::format(
      "the coordinator's disk ({}) has room for {} only, and takes {} below {}{}: remove what is not needed "
      "there, or make it larger; it goes on by itself then",
      options_.folder, left, level == RoomLevel::kNothingNew ? "nothing new" : "nothing but its own record",
      level == RoomLevel::kNothingNew ? "" : "half of ", floor);
}

bool DiskRoom::Admits(RoomFor use) const {
  const RoomLevel level = level_;
  return level == RoomLevel::kEnough || (level == RoomLevel::kNothingNew && use == RoomFor::kResults);
}

absl::Status DiskRoom::Refuse(std::string reason) {
  ++refusals_;
  return absl::ResourceExhaustedError(std::move(reason));
}

absl::Status DiskRoom::Check(RoomFor use, int64_t bytes) {
  // Perhaps there is room again since; and what is large is compared with what there is now.
  if (!Admits(use) || bytes >= kLookAfter) Look();
  if (!Admits(use)) return Refuse(reason());
  if (bytes < kLookAfter) return absl::OkStatus();
  const uint64_t free = space().free;
  const uint64_t floor = use == RoomFor::kNew ? least_space() : least_space() / 2;
  if (free >= floor && free - floor >= static_cast<uint64_t>(bytes)) return absl::OkStatus();
  return Refuse(fmt::format(
      "the coordinator's disk ({}) has room for {} only, and {} more would leave less than {}: "
      "remove what is not "
      "needed there, or make it larger; it goes on by itself then",
      options_.folder, SpaceInWords(free), SpaceInWords(static_cast<uint64_t>(bytes)), SpaceInWords(floor)));
}

absl::Status DiskRoom::Take(RoomFor use, int64_t bytes) {
  RETURN_IF_ERROR(Check(use, bytes));
  Wrote(bytes);
  return absl::OkStatus();
}

void DiskRoom::Wrote(int64_t bytes) {
  if (unseen_bytes_.fetch_add(bytes) + bytes < kLookAfter) return;
  unseen_bytes_ = 0;
  Look();
}

void DiskRoom::Look() {
  MutexLock looking(looking_);
  DiskSpace space = Measured(options_);
  MutexLock lock(mutex_);
  if (!reserve_->held()) {
    MakeReserve(space);
    // What it took is no longer free.
    space = Measured(options_);
  }
  space_ = space;
  const RoomLevel before = level_;
  RoomLevel level = LevelOf(space);
  reason_ = ReasonOf(level, space);
  if (level == RoomLevel::kEnough && !over_budget_.empty()) {
    level = RoomLevel::kNothingNew;
    reason_ = over_budget_;
  }
  level_ = level;
  if (level == before) return;
  if (level == RoomLevel::kEnough) {
    LogInfo("there is room on the disk of {} again: {}", options_.folder, SpaceInWords(space.free));
  } else {
    LogWarning("{}", reason_);
  }
  changed_.NotifyAll();
}

void DiskRoom::SetOverBudget(std::string reason) {
  {
    MutexLock lock(mutex_);
    if (over_budget_ == reason) return;
    over_budget_ = std::move(reason);
  }
  Look();
}

void DiskRoom::MakeRoom() {
  if (Admits(RoomFor::kNew) || !make_room_) return;
  make_room_();
  Look();
}

void DiskRoom::MakeReserve(const DiskSpace& space) {
  // Never from what is short: behind it there must be as much as results want.
  const bool bytes = space.free >= reserve_->bytes() + least_space_ / 2;
  const bool files = space.files_total == 0 || space.files_free >= reserve_->files() + least_files_ / 2;
  if (!bytes || !files) return;
  if (const absl::Status made = reserve_->Make(); !made.ok())
    LogWarning("no reserve for the record: {}", Sv(made.message()));
}

std::string DiskRoom::reason() const {
  MutexLock lock(mutex_);
  return reason_;
}

DiskSpace DiskRoom::space() const {
  MutexLock lock(mutex_);
  return space_;
}

uint64_t DiskRoom::least_space() const {
  MutexLock lock(mutex_);
  return least_space_;
}

bool DiskRoom::Wait(RoomFor use, const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] {
    MutexLock lock(mutex_);
    changed_.NotifyAll();
  });
  MutexLock lock(mutex_);
  while (!Admits(use) && !stop.stop_requested()) changed_.WaitFor(mutex_, std::chrono::milliseconds(500));
  return !stop.stop_requested();
}

void DiskRoom::Watch(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    Look();
    MutexLock lock(mutex_);
    if (!stop.stop_requested()) changed_.WaitFor(mutex_, absl::ToChronoNanoseconds(options_.interval));
  }
}

}  // namespace crossmill::coordinator
