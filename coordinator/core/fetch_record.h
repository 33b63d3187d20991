// What is recorded of a step's fetches, given what its worker told. Pure.
#pragma once

#include <vector>

#include "crossmill/v1/result.pb.h"

namespace crossmill::core {

struct FetchRecord {
  // One by one; at most as many, and as long, as an honest worker tells.
  v1::StepFetches fetches;
  // All that went out (not what the farm had), counted: by host, hosts by name; beyond the first thousand
  // they have no name.
  std::vector<v1::HostFetches> hosts;
};

FetchRecord RecordOfFetches(const v1::StepFetches& told);

}  // namespace crossmill::core
