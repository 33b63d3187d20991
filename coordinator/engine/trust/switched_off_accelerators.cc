#include "coordinator/engine/trust/switched_off_accelerators.h"

#include "common/base/digest.h"
#include "common/base/log.h"
#include "common/base/status.h"

namespace crossmill::coordinator {
namespace {

constexpr size_t kMostSwitchedOff = 1000;

}  // namespace

absl::Status SwitchedOffAccelerators::Restore() {
  ASSIGN_OR_RETURN(const std::vector<v1::SwitchedOffAccelerator> known, records_.SwitchedOff());
  MutexLock lock(mutex_);
  for (const v1::SwitchedOffAccelerator& each : known) digests_.insert(each.digest());
  return absl::OkStatus();
}

bool SwitchedOffAccelerators::IsOff(const std::string& digest) const {
  MutexLock lock(mutex_);
  return digests_.contains(digest);
}

std::vector<std::string> SwitchedOffAccelerators::Digests() const {
  MutexLock lock(mutex_);
  return {digests_.begin(), digests_.end()};
}

absl::StatusOr<int64_t> SwitchedOffAccelerators::SwitchOff(const v1::SwitchedOffAccelerator& accelerator) {
  RETURN_IF_ERROR(HashOfOci(accelerator.digest()).status());
  MutexLock changing(changing_);
  {
    MutexLock lock(mutex_);
    if (digests_.contains(accelerator.digest())) return -1;
    if (digests_.size() >= kMostSwitchedOff)
      return absl::ResourceExhaustedError(
          fmt::format("{} accelerator sets are switched off already", kMostSwitchedOff));
    digests_.insert(accelerator.digest());
  }
  RETURN_IF_ERROR(records_.SwitchOff(accelerator));
  ASSIGN_OR_RETURN(const int64_t taken, records_.TakeBack(accelerator.digest(), UnixNanos(clock_.Now())));
  LogWarning("accelerators={} switched off build={} worker={} results={}: {}", accelerator.digest(),
             accelerator.build(), accelerator.worker(), taken, accelerator.reason());
  return taken;
}

absl::Status SwitchedOffAccelerators::Allow(const std::string& digest) {
  MutexLock changing(changing_);
  if (!IsOff(digest))
    return absl::NotFoundError(fmt::format(
        "accelerator set '{}' is not switched off; `crossmill admin accelerators ls` lists them", digest));
  RETURN_IF_ERROR(records_.Allow(digest));
  MutexLock lock(mutex_);
  digests_.erase(digest);
  LogInfo("accelerators={} allowed", digest);
  return absl::OkStatus();
}

}  // namespace crossmill::coordinator
