// Small formats that Docker took from Go and that recipes and image histories hold.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace crossmill::plan {

// ["a" "b"], as Go's %q prints a list of texts.
std::string GoQuotedList(const std::vector<std::string>& texts);

// EXPOSE's [[IP:]HOST:]PORT[-PORT][/PROTOCOL] as "PORT/PROTOCOL", one per port.
// INVALID_ARGUMENT "what; expected what".
absl::StatusOr<std::vector<std::string>> ParsePorts(std::string_view text);

// True for an octal mode up to 07777, or symbolic modes as chmod takes them (u+rwx,go-w).
bool IsFileMode(std::string_view text);

}  // namespace crossmill::plan
