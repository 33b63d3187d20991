// Checks of a farm by what its coordinator says: versions, clocks, workers, disk, platforms. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "cli/doctor/check.h"
#include "crossmill/v1/client_service.pb.h"

namespace crossmill::cli {

Check CheckCoordinatorVersion(std::string_view coordinator, std::string_view address,
                              std::string_view client);

// `coordinator` is what its clock said at some time between the two of this machine's.
Check CheckCoordinatorClock(absl::Time asked, absl::Time coordinator, absl::Time answered);

// How many there are for which platforms; then one finding for each way in which workers are not what they
// should be: another version than the coordinator's, a clock that differs from its by seconds, gone within
// the last week without a word, no new tasks for a reason of their own, distrusted.
std::vector<Check> CheckWorkers(const std::vector<v1::WorkerView>& workers, std::string_view version,
                                absl::Time now);

// Which accelerator sets connected workers use, and for each reason why one is not used a finding, as for
// each that the farm has switched off. Empty where no worker has any.
std::vector<Check> CheckAccelerators(const std::vector<v1::WorkerView>& workers,
                                     const std::vector<v1::SwitchedOffAccelerator>& off);

// The coordinator's disk, and whether anything runs of what waits.
std::vector<Check> CheckFarmStatus(const v1::FarmStatus& status);

// How old the newest backup is: too old beyond `warn_after` (zero: never). `last` is the epoch where none is
// known, which a farm of a day has a right to: that is told and not warned of.
Check CheckBackup(absl::Time last, absl::Duration warn_after, absl::Time now);

// Platforms that `builds` asked for and no connected worker builds for.
Check CheckPlatforms(const std::vector<v1::BuildView>& builds, const std::vector<v1::WorkerView>& workers);

}  // namespace crossmill::cli
