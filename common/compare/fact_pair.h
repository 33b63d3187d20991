// What is recorded of both executions that are compared, and what files of the step are known to differ by.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/compare/facts.h"

namespace crossmill::compare {

// Refers to what outlives it.
struct FactPair {
  const ExecutionFacts& first;
  const ExecutionFacts& second;
  // Of the file that is compared; empty: it is none.
  std::string_view path = {};
  // The path of a file, or a part of one, of which these are SHA-256 checksums (hex, small letters) on the
  // first and the second side; empty: there is none. May be null, like the others.
  std::function<std::string(std::string_view first, std::string_view second)> checksum_of = {};
  // Likewise of sizes in bytes.
  std::function<std::string(int64_t first, int64_t second)> size_of = {};
  // A file that differs whose name is a word of the text.
  std::function<std::string(std::string_view text)> named_in = {};
};

}  // namespace crossmill::compare
