// JSON that is signed or believed. Read: no member twice (two readers could take different ones), bounded
// size and depth. Written: members sorted, no white space, so that the same facts give the same bytes. Pure.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace crossmill::attest {

// Members are sorted by name, byte by byte.
using SortedJson = nlohmann::json;

// Of an envelope, and of the statement in it. A recipe with a thousand packages is some 300 KiB.
inline constexpr size_t kMostDocumentBytes = 16 << 20;
inline constexpr size_t kMostDepth = 64;

// INVALID_ARGUMENT: too long, too deep, no JSON (RFC 8259, UTF-8), or a member that occurs twice in its
// object.
absl::StatusOr<SortedJson> ParseStrictJson(std::string_view text);

// Compact; bytes that are not UTF-8 become U+FFFD.
std::string WriteSortedJson(const SortedJson& value);

// What a member is; INVALID_ARGUMENT, naming it, if it is not there or something else. No default: a
// statement that leaves a fact out has not stated it.
absl::StatusOr<std::string> TextMember(const SortedJson& object, const std::string& name);
absl::StatusOr<bool> BoolMember(const SortedJson& object, const std::string& name);
absl::StatusOr<int64_t> IntegerMember(const SortedJson& object, const std::string& name);
absl::StatusOr<const SortedJson*> ObjectMember(const SortedJson& object, const std::string& name);
absl::StatusOr<const SortedJson*> ListMember(const SortedJson& object, const std::string& name);

}  // namespace crossmill::attest
