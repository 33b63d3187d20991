// The build that the page's speed is promised for: 12 platforms, 60 stages on each, every step executed
// twice.
#pragma once

#include <cstdint>
#include <string>

namespace crossmill {

// In the data folder of a coordinator, through the classes by which it writes. Its number.
int64_t MakeWideBuild(const std::string& data_folder);

}  // namespace crossmill
