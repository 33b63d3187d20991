// How programs in a step learn of the recording proxy: variables of the step's environment, which are part of
// no key and no image. docs/network.md has the table of programs. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace crossmill::worker {

// `java`: the step's root has a Java, so Java's own variable is set, which makes it print a line.
std::vector<std::pair<std::string, std::string>> NetworkVariables(const std::string& host_name, bool java);

}  // namespace crossmill::worker
