// What bytes at one place of two pieces may be. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "common/compare/explanation.h"
#include "common/compare/fact_pair.h"

namespace crossmill::compare {

// A place in each of two pieces.
struct Spot {
  std::string_view first;
  std::string_view second;
  size_t first_at = 0;
  size_t second_at = 0;
  const FactPair* facts = nullptr;
  bool binary = false;
};

// What is recorded of the executions, times of their clocks, and what follows from other files.
void FactSigns(const Spot& spot, std::vector<Sign>* signs);
// What executions were given otherwise by a wish (--vary): time zone, locale, a variable, a folder in PATH,
// process ids.
void SettingSigns(const Spot& spot, std::vector<Sign>* signs);
// The offset of a recorded time zone from UTC, in seconds; of kUsual it is that of containers, which is none.
// nullopt: it is not known.
std::optional<int64_t> ZoneOffset(std::string_view time_zone);
// What shows in the form alone: temporary folders, addresses, random tokens.
void FormSigns(const Spot& spot, std::vector<Sign>* signs);

}  // namespace crossmill::compare
