// What a task is called in lines of logs: "b12/linux/arm64/builder/r0".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "crossmill/v1/plan.pb.h"

namespace crossmill {

// `replica` 0: the first execution.
std::string TaskName(int64_t build, const v1::Platform& platform, std::string_view stage, int replica);

// The build of a name that TaskName gave; 0 for any other.
int64_t BuildOfTask(std::string_view name);

}  // namespace crossmill
