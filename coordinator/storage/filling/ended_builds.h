// The builds that had ended when a table was added that is made of them: what a migration fills it from.
#pragma once

#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "coordinator/storage/sqlite.h"
#include "crossmill/v1/build.pb.h"

namespace crossmill::storage {

// Calls `each` with what was submitted and with the last view, in the order of their numbers, one at a time
// in memory. A build that cannot be read is passed over with a warning that says what it misses (`lacks`: "is
// in no list"); an error of `each` ends it.
absl::Status ForEachEndedBuild(
    Database& database, std::string_view lacks,
    absl::FunctionRef<absl::Status(const v1::BuildSubmission& submission, const v1::BuildView& view)> each);

}  // namespace crossmill::storage
