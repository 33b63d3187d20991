// A record with many builds for tests/bench/api_lists.cc: two years of a farm with 300 recipes on one to
// three platforms, most of whose builds succeed.
#pragma once

#include <cstdint>
#include <string>

namespace crossmill {

// What questions can be about.
struct MadeRecord {
  int64_t newest_build = 0;
  // One that has packages, fetches and a console.
  int64_t execution = 0;
};

// In the data folder of a coordinator, through the classes by which it writes.
MadeRecord MakeListRecord(const std::string& data_folder, int64_t builds);

}  // namespace crossmill
