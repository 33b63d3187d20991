// What a killed coordinator left in its folders of working files.
#pragma once

#include <string>

namespace crossmill::coordinator {

// Removes such a folder at the start. Folders have names of their own there, so that one that stays, which is
// logged, stops no start.
void RemoveLeftovers(const std::string& folder);

}  // namespace crossmill::coordinator
