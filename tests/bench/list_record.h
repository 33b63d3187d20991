// A record with many builds for tests/bench/api_lists.cc: two years of a farm with 300 recipes on one to
// three platforms, most of whose builds succeed.
#pragma once

#include <cstdint>
#include <string>

namespace crossmill {

// In the data folder of a coordinator, through the classes by which it writes. The newest build.
int64_t MakeListRecord(const std::string& data_folder, int64_t builds);

}  // namespace crossmill
