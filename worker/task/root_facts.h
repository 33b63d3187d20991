// What a step's root says about how to repair a failure in it: distribution, programs, installed packages.
#pragma once

#include <string>
#include <string_view>

#include "crossmill/v1/plan.pb.h"
#include "crossmill/v1/result.pb.h"

namespace crossmill::worker {

// Reads the root file system in the folder `root`, trusting nothing in it (root_reader.h); what cannot be
// read is left out. The step's PATH says where programs are. Takes some milliseconds. Thread safe.
v1::RootFacts ReadRootFacts(const std::string& root, const v1::Run& run);

// The value of a variable in the text of an os-release(5) file, without quotes and escapes; empty: it is not
// there.
std::string OsReleaseValue(std::string_view text, std::string_view name);

}  // namespace crossmill::worker
