// Small formats that Docker took from Go and that recipes and image histories hold.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace crossmill::dockerfile {

// ["a" "b"], as Go's %q prints a list of texts.
std::string GoQuotedList(const std::vector<std::string>& texts);

// EXPOSE's [[IP:]HOST:]PORT[-PORT][/PROTOCOL] as "PORT/PROTOCOL", one per port.
// INVALID_ARGUMENT "what; expected what".
absl::StatusOr<std::vector<std::string>> ParsePorts(std::string_view text);

// Go's strconv.ParseBool: 1, t, T, TRUE, true, True and their opposites.
std::optional<bool> ParseGoBool(std::string_view text);

// Bytes, as Docker writes them: "64m", "1.5GB", "512 KiB"; units are powers of 1024.
std::optional<int64_t> ParseByteCount(std::string_view text);

// The first record of a CSV text: fields between commas, some in quotes. Nothing if it is malformed.
std::optional<std::vector<std::string>> ReadCsvRecord(std::string_view text);

// True for an octal mode up to 07777, or symbolic modes as chmod takes them (u+rwx,go-w).
bool IsFileMode(std::string_view text);

}  // namespace crossmill::dockerfile
